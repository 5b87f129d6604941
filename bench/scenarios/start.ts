/** Measures the time from the start of the process until its first event is acknowledged. */
import { eventBatch, now } from "../load/events.ts";
import { cpuMs, residentBytes } from "../process.ts";
import { EVENT_BYTES, ROOM, type Scenario, withBackend, withServer } from "./scenario.ts";

export const start: Scenario = {
  name: "start",
  needs: [],
  async run(peer) {
    const began = now();
    return withServer(peer, async (server) => {
      await withBackend(server, (backend) => backend.publish(ROOM, eventBatch(1, 1, EVENT_BYTES)));
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
