/** Backends publish over HTTP as fast as they are answered. Nobody listens. */
import type { Backend } from "../load/backend.ts";
import type { Load } from "../load/load.ts";
import { batch } from "../load/tally.ts";
import type { Server } from "../peers/peer.ts";
import {
  EVENT_BYTES,
  type Figures,
  ROOM,
  type Scale,
  type Scenario,
  cost,
  loadOf,
  withBackend,
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
      for (const size of [1, 100]) {
        for (const publishers of [1, 32]) {
          await inTurns(server, publishers, size, WARM_MS[scale]);
          figures.push(await measured(server, load, publishers, size, LASTS_MS[scale]));
        }
      }
      return figures;
    }),
};

async function measured(
  server: Server,
  load: Load,
  publishers: number,
  size: number,
  lasts_ms: number,
): Promise<Figures> {
  const began = performance.now();
  const [publishes, spent] = await cost(server, load, () =>
    inTurns(server, publishers, size, lasts_ms),
  );
  const took_s = (performance.now() - began) / 1000;
  return {
    at: `${publishers} ${publishers === 1 ? "publisher" : "publishers"}, ${size === 1 ? "single" : `batches of ${size}`}`,
    publishers,
    batch: size,
    publishes_per_s: publishes / took_s,
    events_per_s: (publishes * size) / took_s,
    server_us_per_publish: (spent.server_ms * 1000) / publishes,
    ...loadOf(spent),
  };
}

/** Each publisher has one request under way. Answers how many were acknowledged. */
async function inTurns(
  server: Server,
  publishers: number,
  size: number,
  lasts_ms: number,
): Promise<number> {
  const events = batch(0, size, EVENT_BYTES);
  const until = performance.now() + lasts_ms;
  const publish = async (backend: Backend): Promise<number> => {
    const request = backend.request(ROOM, events);
    let published = 0;
    for (; performance.now() < until; published++) await backend.send(request);
    return published;
  };
  const each = Array.from({ length: publishers }, () => withBackend(server, publish));
  return (await Promise.all(each)).reduce((all, published) => all + published, 0);
}
