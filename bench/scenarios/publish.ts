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

const DURATION_MS: Record<Scale, number> = { full: 2000, quick: 1000, smoke: 100 };
/**
 * Number of publishes before the measurements, by the number of events in each. The CPU of a
 * publish falls until about this number, because the JIT then compiles the code again.
 */
const WARM_UP: Record<Scale, Record<1 | 100, number>> = {
  full: { 1: 3000, 100: 1000 },
  quick: { 1: 3000, 100: 1000 },
  smoke: { 1: 50, 100: 10 },
};
const WARM_UP_MAX_MS = 5000;
const MANY = 32;

export const publish: Scenario = {
  name: "publish",
  needs: [],
  run: (peer, load, scale) =>
    withServer(peer, async (server) => {
      const figures: Figures[] = [];
      for (const size of [1, 100] as const) {
        // Many publishers need less time for the same number of publishes.
        const warmUp = { publishes: WARM_UP[scale][size], within_ms: WARM_UP_MAX_MS };
        await publishUntil(warmUp, server, MANY, size);
        for (const publishers of [1, MANY]) {
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
    publishUntil({ publishes: Infinity, within_ms: duration_ms }, server, publishers, size),
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

/** Limits of a load: it ends with this number of publishes, or after this time. */
interface End {
  publishes: number;
  within_ms: number;
}

/** Publishes with one pending request per publisher. Returns the number of answered requests. */
async function publishUntil(
  { publishes, within_ms }: End,
  server: Server,
  publishers: number,
  size: number,
): Promise<number> {
  const events = eventBatch(0, size, EVENT_BYTES);
  const until = performance.now() + within_ms;
  let sent = 0;
  const publish = async (backend: Backend): Promise<void> => {
    const request = backend.request(ROOM, events);
    for (; sent < publishes && performance.now() < until; await backend.send(request)) sent += 1;
  };
  await Promise.all(Array.from({ length: publishers }, () => withBackend(server, publish)));
  return sent;
}
