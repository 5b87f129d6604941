/**
 * Measures an idle room: the bytes on the wire, and the number of times that heartbeats wake the
 * room.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { HEARTBEAT_MS } from "../peers/dialect.ts";
import { cpuMs } from "../process.ts";
import { ROOM, type Scale, type Scenario, clients, untilIdle, withServer } from "./scenario.ts";

const SIZES: Record<Scale, { sockets: number; heartbeats: number; every_ms: number }> = {
  full: { sockets: 1000, heartbeats: 1, every_ms: HEARTBEAT_MS },
  quick: { sockets: 1000, heartbeats: 1, every_ms: HEARTBEAT_MS },
  smoke: { sockets: 10, heartbeats: 1, every_ms: 500 },
};
const CHECK_EVERY_MS = 1000;
const HOUR_MS = 3_600_000;

export const idle: Scenario = {
  name: "idle",
  needs: [],
  runs: 1,
  run: (peer, load, scale) =>
    withServer(peer, async (server) => {
      const { sockets, heartbeats, every_ms } = SIZES[scale];
      await load.open(server.target, clients(sockets));
      await untilIdle(server);
      await server.evict?.(ROOM);
      let isOver = false;
      const wakes = countWakes();
      const before = { wire: await load.wireBytes(), cpu: await cpuMs(server.pid) };
      const began = performance.now();
      for (let beat = 0; beat < heartbeats; beat++) {
        await sleep(every_ms / 2);
        await load.sendHeartbeats();
        await sleep(every_ms / 2);
      }
      const observed_ms = performance.now() - began;
      const cpu = (await cpuMs(server.pid)) - before.cpu;
      const wire = (await load.wireBytes()) - before.wire;
      isOver = true;
      const anHour = HOUR_MS / observed_ms;
      await load.disconnect();
      return [
        {
          sockets,
          observed_s: observed_ms / 1000,
          bytes_per_socket_and_hour: (wire / sockets) * anHour,
          server_cpu_s_per_hour: (cpu / 1000) * anHour,
          wakes: await wakes,
        },
      ];

      /**
       * Repeatedly evicts the room. Returns the number of evictions that found the room in memory.
       */
      async function countWakes(): Promise<number | undefined> {
        if (!server.evict) return undefined;
        let wakes = 0;
        for (;;) {
          await sleep(Math.min(CHECK_EVERY_MS, every_ms / 4));
          if (isOver) return wakes;
          if (await server.evict(ROOM)) wakes += 1;
        }
      }
    }),
};
