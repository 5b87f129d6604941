/**
 * Publishes over HTTP. Each backend sends its next request when its previous request is answered.
 */
import type { Backend } from "../load/backend.ts";
import type { LoadGenerator } from "../load/generator.ts";
import { eventBatch } from "../load/events.ts";
import type { Server } from "../peers/peer.ts";
import {
  EVENT_BYTES,
  type Figures,
  ROOM,
  type Scale,
  type Scenario,
  measureCost,
  loadFigures,
  withBackend,
  withServer,
} from "./scenario.ts";

const DURATION_MS: Record<Scale, number> = { full: 1000, quick: 1000, smoke: 100 };
const WARM_UP_MS: Record<Scale, number> = { full: 300, quick: 300, smoke: 20 };

export const publish: Scenario = {
  name: "publish",
  needs: [],
  run: (peer, load, scale) =>
    withServer(peer, async (server) => {
      const figures: Figures[] = [];
      for (const size of [1, 100]) {
        for (const publishers of [1, 32]) {
          await publishFor(WARM_UP_MS[scale], server, publishers, size);
          figures.push(await measured(server, load, publishers, size, DURATION_MS[scale]));
        }
      }
      return figures;
    }),
};

async function measured(
  server: Server,
  load: LoadGenerator,
  publishers: number,
  size: number,
  duration_ms: number,
): Promise<Figures> {
  const began = performance.now();
  const [publishes, spent] = await measureCost(server, load, () =>
    publishFor(duration_ms, server, publishers, size),
  );
  const took_s = (performance.now() - began) / 1000;
  return {
    at: `${publishers} ${publishers === 1 ? "publisher" : "publishers"}, ${size === 1 ? "single" : `batches of ${size}`}`,
    publishers,
    batch: size,
    publishes_per_s: publishes / took_s,
    events_per_s: (publishes * size) / took_s,
    server_us_per_publish: (spent.server_ms * 1000) / publishes,
    ...loadFigures(spent),
  };
}

/** Publishes with one pending request per publisher. Returns the number of answered requests. */
async function publishFor(
  duration_ms: number,
  server: Server,
  publishers: number,
  size: number,
): Promise<number> {
  const events = eventBatch(0, size, EVENT_BYTES);
  const until = performance.now() + duration_ms;
  const publish = async (backend: Backend): Promise<number> => {
    const request = backend.request(ROOM, events);
    let published = 0;
    for (; performance.now() < until; published++) await backend.send(request);
    return published;
  };
  const each = Array.from({ length: publishers }, () => withBackend(server, publish));
  return (await Promise.all(each)).reduce((all, published) => all + published, 0);
}
