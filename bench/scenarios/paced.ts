/** Events one at a time: how long until the last socket has each, and what a delivery costs. */
import { setTimeout as passes } from "node:timers/promises";
import type { Load } from "../load/load.ts";
import { now } from "../load/tally.ts";
import type { Peer } from "../peers/peer.ts";
import { residentBytes } from "../process.ts";
import {
  EVENT_BYTES,
  type Figures,
  type Scale,
  type Scenario,
  assertWhole,
  clients,
  cost,
  loadOf,
  withPublisher,
  withServer,
} from "./scenario.ts";
import { quantile } from "./statistics.ts";

interface Pace {
  sockets: number;
  events: number;
  every_ms: number;
}

const PACES: Record<Scale, readonly Pace[]> = {
  full: [
    { sockets: 100, events: 80, every_ms: 25 },
    { sockets: 1000, events: 50, every_ms: 60 },
    { sockets: 5000, events: 15, every_ms: 250 },
  ],
  quick: [{ sockets: 1000, events: 40, every_ms: 50 }],
  smoke: [{ sockets: 10, events: 5, every_ms: 10 }],
};
/** Sockets that come before memory is looked at, and events that they hear before anything is. */
const FIRST = 100;
const WARM = 50;

export const paced: Scenario = {
  name: "paced",
  needs: [],
  async run(peer, load, scale) {
    const figures = [];
    for (const pace of PACES[scale]) figures.push(await at(pace, peer, load));
    return figures;
  },
};

const at = ({ sockets, events, every_ms }: Pace, peer: Peer, load: Load): Promise<Figures> =>
  withServer(peer, async (server) => {
    // Once through, so that nobody is measured while their code is being compiled.
    const first = Math.min(FIRST, sockets);
    await load.open(server.target, clients(first));
    return withPublisher(server, async (publisher) => {
      publisher.publish(1, WARM, EVENT_BYTES);
      await load.until(WARM);
      const empty = await residentBytes(server.pid);
      await load.open(server.target, clients(sockets - first));
      const memory = (await residentBytes(server.pid)) - empty;
      await load.from(WARM);

      const publishedAt: number[] = [];
      const [, spent] = await cost(server, load, async () => {
        for (let n = WARM + 1; n <= WARM + events; n++) {
          publishedAt.push(now());
          publisher.publish(n, n, EVENT_BYTES);
          await passes(every_ms);
        }
        await load.until(WARM + events);
      });
      await assertWhole(load, sockets * events);
      const { doneAt } = await load.got();
      const latencies = publishedAt.map((at, i) => doneAt.get(WARM + 1 + i)! - at);
      const deliveries = (sockets + 1) * events;
      await load.drop();
      return {
        at: `${sockets} sockets`,
        sockets,
        events,
        p50_ms: quantile(latencies, 0.5),
        p95_ms: quantile(latencies, 0.95),
        p99_ms: quantile(latencies, 0.99),
        server_us_per_delivery: (spent.server_ms * 1000) / deliveries,
        ...(sockets > first && { memory_bytes_per_socket: memory / (sockets - first) }),
        ...loadOf(spent),
      };
    });
  });
