/** From the start of the process to the first event that it took. */
import { Backend } from "../load/backend.ts";
import { dialects } from "../peers/dialects.ts";
import { data, now } from "../load/tally.ts";
import { cpuMs, residentBytes } from "../process.ts";
import { EVENT_BYTES, ROOM, type Scenario, withServer } from "./scenario.ts";

export const start: Scenario = {
  name: "start",
  needs: [],
  async run(peer) {
    const began = now();
    return withServer(peer, async ({ target, pid }) => {
      const backend = new Backend(target.port);
      await backend.post(dialects[target.dialect].post(ROOM, [data(1, EVENT_BYTES)]));
      backend.end();
      return [
        {
          started_ms: now() - began,
          server_cpu_ms: await cpuMs(pid),
          memory_bytes: await residentBytes(pid),
        },
      ];
    });
  },
};
