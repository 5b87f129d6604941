/** Some come and go while many stay, and all of those who stay hear of it. */
import { setTimeout as passes } from "node:timers/promises";
import { dialects } from "../peers/dialects.ts";
import { Load } from "../load/load.ts";
import { ROOM, type Scale, type Scenario, cost, loadOf, settled, withServer } from "./scenario.ts";

const SIZES: Record<Scale, { stay: number; move: number; rounds: number }> = {
  full: { stay: 300, move: 50, rounds: 10 },
  quick: { stay: 300, move: 50, rounds: 4 },
  smoke: { stay: 5, move: 2, rounds: 2 },
};
/** Between two rounds: those who move come in one, and go in the next. */
const ROUND_MS = 150;

export const presence: Scenario = {
  name: "presence",
  needs: ["presence"],
  run: (peer, load, scale) =>
    withServer(peer, async (server) => {
      const { stay, move, rounds } = SIZES[scale];
      const { enter, leave } = dialects[server.target.dialect].presence!;
      const people = (name: string, count: number) =>
        Array.from({ length: count }, (_, i) => ({ room: ROOM, user: `${name}-${i}` }));
      await load.open(server.target, people("stays", stay));
      await load.say(enter);
      const moving = new Load();
      try {
        await moving.open(server.target, people("moves", move));
        await settled(server);
        const before = await load.wire();
        const [, spent] = await cost(server, load, async () => {
          for (let round = 0; round < rounds; round++) {
            for (const step of [enter, leave]) {
              await moving.say(step);
              await passes(ROUND_MS);
            }
          }
          await settled(server);
        });
        const bytes = (await load.wire()) - before;
        const changes = move * rounds * 2;
        await load.drop();
        await moving.drop();
        return [
          {
            stay,
            changes,
            server_us_per_change_heard: (spent.server_ms * 1000) / (changes * stay),
            bytes_per_change_heard: bytes / (changes * stay),
            ...loadOf(spent),
          },
        ];
      } finally {
        await moving.close();
      }
    }),
};
