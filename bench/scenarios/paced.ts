/**
 * Publishes events one at a time. Measures the CPU time, and how long each event takes to reach the
 * last socket.
 */
import type { LoadGenerator } from "../load/generator.ts";
import type { Peer, Server } from "../peers/peer.ts";
import { residentBytes } from "../process.ts";
import {
  type Figures,
  type Pace,
  type RoomPublisher,
  type Scale,
  type Scenario,
  assertComplete,
  clients,
  measureCost,
  loadFigures,
  untilIdle,
  withPublisher,
  withServer,
} from "./scenario.ts";
import { quantile } from "./statistics.ts";

export interface Size extends Pace {
  sockets: number;
}

const SIZES: Record<Scale, readonly Size[]> = {
  full: [
    { sockets: 100, events: 120, every_ms: 25 },
    { sockets: 1000, events: 40, every_ms: 80 },
    { sockets: 5000, events: 12, every_ms: 400 },
  ],
  quick: [{ sockets: 1000, events: 40, every_ms: 50 }],
  smoke: [{ sockets: 10, events: 5, every_ms: 10 }],
};
/** Number of sockets that are opened before the growth of memory is measured. */
const FIRST = 100;
/** Events to the first sockets before the measurement, so that the JIT has compiled the code. */
const WARM_UP: Pace = { events: 200, every_ms: 5 };

export const paced: Scenario = {
  name: "paced",
  needs: [],
  async run(peer, load, scale) {
    const figures = [];
    for (const size of SIZES[scale]) figures.push(await at(size, peer, load));
    return figures;
  },
};

const at = (size: Size, peer: Peer, load: LoadGenerator): Promise<Figures> =>
  withServer(peer, (server) =>
    withPublisher(server, load, (publisher) =>
      // The publisher receives each event too.
      measureFanOut(server, load, publisher, { ...size, receivers: size.sockets + 1 }),
    ),
  );

/**
 * Opens sockets, and publishes to them one event at a time. `receivers` is the number of sockets
 * that receive each event.
 */
export async function measureFanOut(
  server: Server,
  load: LoadGenerator,
  publisher: RoomPublisher,
  { sockets, receivers, ...pace }: Size & { receivers: number },
): Promise<Figures> {
  const first = Math.min(FIRST, sockets);
  await load.open(server.target, clients(first));
  await publisher.paced(WARM_UP);
  await untilIdle(server);
  const empty = await residentBytes(server.pid);
  await load.open(server.target, clients(sockets - first));
  await untilIdle(server);
  const memory = (await residentBytes(server.pid)) - empty;

  const [latencies, spent] = await measureCost(server, load, () => publisher.paced(pace));
  await assertComplete(load, sockets * pace.events);
  await load.disconnect();
  return {
    at: `${sockets} sockets`,
    sockets,
    events: pace.events,
    p50_ms: quantile(latencies, 0.5),
    p95_ms: quantile(latencies, 0.95),
    p99_ms: quantile(latencies, 0.99),
    server_us_per_delivery: (spent.server_ms * 1000) / (receivers * pace.events),
    ...(sockets > first && { memory_bytes_per_socket: memory / (sockets - first) }),
    ...loadFigures(spent),
  };
}
