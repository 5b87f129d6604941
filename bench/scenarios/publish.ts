/** Backends publish over HTTP as fast as they are answered. Nobody listens. */
import { Backend } from "../load/backend.ts";
import { dialects } from "../peers/dialects.ts";
import type { Load } from "../load/load.ts";
import { data } from "../load/tally.ts";
import type { Server } from "../peers/peer.ts";
import {
  EVENT_BYTES,
  type Figures,
  ROOM,
  type Scale,
  type Scenario,
  cost,
  loadOf,
  withServer,
} from "./scenario.ts";

const LASTS_MS: Record<Scale, number> = { full: 1000, quick: 1000, smoke: 100 };
const WARM_MS: Record<Scale, number> = { full: 300, quick: 300, smoke: 20 };

export const publish: Scenario = {
  name: "publish",
  needs: [],
  run: (peer, load, scale) =>
    withServer(peer, async (server) => {
      const figures: Figures[] = [];
      for (const batch of [1, 100]) {
        for (const publishers of [1, 32]) {
          await inTurns(server, publishers, batch, WARM_MS[scale]);
          figures.push(await measured(server, load, publishers, batch, LASTS_MS[scale]));
        }
      }
      return figures;
    }),
};

async function measured(
  server: Server,
  load: Load,
  publishers: number,
  batch: number,
  lasts_ms: number,
): Promise<Figures> {
  const began = performance.now();
  const [publishes, spent] = await cost(server, load, () =>
    inTurns(server, publishers, batch, lasts_ms),
  );
  const took_s = (performance.now() - began) / 1000;
  return {
    at: `${publishers} ${publishers === 1 ? "publisher" : "publishers"}, ${batch === 1 ? "single" : `batches of ${batch}`}`,
    publishers,
    batch,
    publishes_per_s: publishes / took_s,
    events_per_s: (publishes * batch) / took_s,
    server_us_per_publish: (spent.server_ms * 1000) / publishes,
    ...loadOf(spent),
  };
}

/** Each publisher has one request under way. Answers how many were acknowledged. */
async function inTurns(
  { target }: Server,
  publishers: number,
  batch: number,
  lasts_ms: number,
): Promise<number> {
  const events = Array.from({ length: batch }, (_, i) => data(i, EVENT_BYTES));
  const post = dialects[target.dialect].post(ROOM, events);
  const until = performance.now() + lasts_ms;
  const each = Array.from({ length: publishers }, async () => {
    const backend = new Backend(target.port);
    let published = 0;
    for (; performance.now() < until; published++) await backend.post(post);
    backend.end();
    return published;
  });
  return (await Promise.all(each)).reduce((all, published) => all + published, 0);
}
