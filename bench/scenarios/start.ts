/** From the start of the process to the first event that it took. */
import { batch, now } from "../load/tally.ts";
import { cpuMs, residentBytes } from "../process.ts";
import { EVENT_BYTES, ROOM, type Scenario, withBackend, withServer } from "./scenario.ts";

export const start: Scenario = {
  name: "start",
  needs: [],
  async run(peer) {
    const began = now();
    return withServer(peer, async (server) => {
      await withBackend(server, (backend) => backend.publish(ROOM, batch(1, 1, EVENT_BYTES)));
      return [
        {
          started_ms: now() - began,
          server_cpu_ms: await cpuMs(server.pid),
          memory_bytes: await residentBytes(server.pid),
        },
      ];
    });
  },
};
