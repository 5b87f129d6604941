/** A tenth of the readers stands still: what that costs in memory, and the others in time. */
import type { Effort, Load } from "../load/load.ts";
import { batch, now } from "../load/tally.ts";
import type { Peer, Server } from "../peers/peer.ts";
import { residentBytes } from "../process.ts";
import {
  ROOM,
  type Scale,
  type Scenario,
  assertWhole,
  clients,
  loadOf,
  withBackend,
  withServer,
} from "./scenario.ts";
import { quantile } from "./statistics.ts";

interface Size {
  readers: number;
  still: number;
  events: number;
}

const SIZES: Record<Scale, Size> = {
  full: { readers: 200, still: 20, events: 50_000 },
  quick: { readers: 200, still: 20, events: 5000 },
  smoke: { readers: 10, still: 1, events: 200 },
};
/** Where each event is a frame, so many deliveries take minutes: fewer to those who read. */
const OF_OTHERS = { readers: 24, still: 20, events: 20_000 };
const BYTES = 1000;
const BATCH = 100;
const LOOK_EVERY_MS = 50;

export const slow: Scenario = {
  name: "slow",
  needs: [],
  runs: 2,
  async run(peer, load, scale) {
    const size = peer.can.has("flow") || scale === "smoke" ? SIZES[scale] : OF_OTHERS;
    const without = await measured(peer, load, { ...size, still: 0 });
    const withSlow = await measured(peer, load, size);
    return [
      {
        ...size,
        memory_bytes_per_still: (withSlow.memory - without.memory) / size.still,
        bytes_published: size.events * BYTES,
        p95_ms: withSlow.p95_ms,
        p95_without_ms: without.p95_ms,
        took_ms: withSlow.took_ms,
        took_without_ms: without.took_ms,
        ...loadOf(withSlow),
      },
    ];
  },
};

interface Seen extends Effort {
  /** The most that the server had, beyond what it had before. */
  memory: number;
  /** From publish to the last of those who read. */
  p95_ms: number;
  took_ms: number;
}

const measured = (peer: Peer, load: Load, { readers, still, events }: Size): Promise<Seen> =>
  withServer(peer, async (server) => {
    const { target, pid } = server;
    await load.open(
      target,
      clients(readers).map((client) => ({ ...client, flow: true })),
    );
    await load.standStill(still);
    await load.from(0);
    const before = await residentBytes(pid);
    let most = before;
    const look = setInterval(async () => {
      most = Math.max(most, await residentBytes(pid));
    }, LOOK_EVERY_MS);
    try {
      const [{ publishedAt, took_ms }, effort] = await load.effort(() => all(server, load, events));
      await assertWhole(load, (readers - still) * events);
      const { doneAt } = await load.got();
      const latencies = publishedAt.map((at, i) => doneAt.get((i + 1) * BATCH)! - at);
      return { ...effort, took_ms, p95_ms: quantile(latencies, 0.95), memory: most - before };
    } finally {
      clearInterval(look);
      await load.drop();
    }
  });

const all = (
  server: Server,
  load: Load,
  events: number,
): Promise<{ publishedAt: number[]; took_ms: number }> =>
  withBackend(server, async (backend) => {
    const publishedAt: number[] = [];
    const began = now();
    for (let n = 1; n <= events; n += BATCH) {
      publishedAt.push(now());
      await backend.publish(ROOM, batch(n, BATCH, BYTES));
    }
    return { publishedAt, took_ms: (await load.until(events)) - began };
  });
