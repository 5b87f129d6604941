import { readFileSync } from "node:fs";
import type { Peer } from "../peer.ts";
import { workerd, workerdVersion } from "../workerd.ts";
import { token } from "./dialect.ts";

const cargo = readFileSync(new URL("../../../Cargo.toml", import.meta.url), "utf8");
const version = /^version = "(.*)"$/m.exec(cargo)![1]!;

// One user opens all sockets, and one socket or one backend sends all events. So the limits of a
// user and of a socket are raised here.
const LIMITS = {
  frames_per_second: 1e6,
  frames_burst: 1e6,
  publishes_per_second: 1e6,
  sessions_per_user: 32_000,
};

export const peer: Peer = {
  name: "roomcast",
  title: "Roomcast",
  version: `${version}, workerd ${workerdVersion}`,
  setup: "as built by `make`, default settings except the limits of a user and of a socket",
  lacks: [],
  can: new Set(["recover", "presence", "hibernate", "rows", "flow", "bridge", "tokens", "pusher"]),
  async start(vars) {
    const server = await workerd("roomcast", { vars, settings: { "*": LIMITS } });
    const get = async (path: string): Promise<any> => {
      const headers = { authorization: `Bearer ${token("ops")}` };
      const answer = await fetch(`http://127.0.0.1:${server.target.port}${path}`, { headers });
      return answer.json();
    };
    return {
      ...server,
      read: (room) => get(`/rooms/${room}/events?last=1`),
      rows: async (room) => (await get(`/rooms/${room}`)).rows_written,
    };
  },
};
