import type { Peer } from "../peer.ts";
import { workerd, workerdVersion } from "../workerd.ts";

export const peer: Peer = {
  name: "plain",
  title: "plain Durable Object",
  version: `workerd ${workerdVersion}`,
  setup: "60 lines of JavaScript: hibernatable sockets, one SQL upsert per event, a loop of sends",
  lacks: ["tokens", "idempotent ids", "gap detection"],
  can: new Set(["recover", "hibernate", "rows"]),
  async start() {
    const server = await workerd("plain", { vars: {}, root: import.meta.dirname });
    const rows = async (room: string): Promise<number> => {
      const answer = await fetch(`http://127.0.0.1:${server.target.port}/${room}`);
      return ((await answer.json()) as { rows_written: number }).rows_written;
    };
    return { ...server, rows, read: rows };
  },
};
