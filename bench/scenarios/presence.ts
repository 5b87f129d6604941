/**
 * Makes some members enter and leave repeatedly, and measures the cost of notifying all other
 * members.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { dialects } from "../peers/dialects.ts";
import { LoadGenerator } from "../load/generator.ts";
import {
  ROOM,
  type Scale,
  type Scenario,
  measureCost,
  loadFigures,
  untilIdle,
  withServer,
} from "./scenario.ts";

const SIZES: Record<Scale, { members: number; moving: number; rounds: number }> = {
  full: { members: 300, moving: 50, rounds: 10 },
  quick: { members: 300, moving: 50, rounds: 4 },
  smoke: { members: 5, moving: 2, rounds: 2 },
};
/** Pause in ms after all moving members have entered, and after all of them have left. */
const STEP_MS = 150;

export const presence: Scenario = {
  name: "presence",
  needs: ["presence"],
  run: (peer, load, scale) =>
    withServer(peer, async (server) => {
      const { members, moving, rounds } = SIZES[scale];
      const { enter, leave } = dialects[server.target.dialect].presence!;
      const users = (name: string, count: number) =>
        Array.from({ length: count }, (_, i) => ({ room: ROOM, user: `${name}-${i}` }));
      await load.open(server.target, users("member", members));
      await load.send(enter);
      const others = new LoadGenerator();
      try {
        await others.open(server.target, users("moving", moving));
        await untilIdle(server);
        const before = await load.wireBytes();
        const [, spent] = await measureCost(server, load, async () => {
          for (let round = 0; round < rounds; round++) {
            for (const step of [enter, leave]) {
              await others.send(step);
              await sleep(STEP_MS);
            }
          }
          await untilIdle(server);
        });
        const bytes = (await load.wireBytes()) - before;
        const changes = moving * rounds * 2;
        await load.disconnect();
        await others.disconnect();
        return [
          {
            members,
            changes,
            server_us_per_notification: (spent.server_ms * 1000) / (changes * members),
            bytes_per_notification: bytes / (changes * members),
            ...loadFigures(spent),
          },
        ];
      } finally {
        await others.close();
      }
    }),
};
