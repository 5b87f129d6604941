/** Stalls some of the readers. Measures the server's memory and the delay of the other readers. */
import type { LoadUsage, LoadGenerator } from "../load/generator.ts";
import { eventBatch, now } from "../load/events.ts";
import type { Peer, Server } from "../peers/peer.ts";
import { residentBytes } from "../process.ts";
import {
  ROOM,
  type Scale,
  type Scenario,
  assertComplete,
  clients,
  loadFigures,
  withBackend,
  withServer,
} from "./scenario.ts";
import { quantile } from "./statistics.ts";

interface Size {
  readers: number;
  stalled: number;
  events: number;
}

const SIZES: Record<Scale, Size> = {
  full: { readers: 200, stalled: 20, events: 50_000 },
  quick: { readers: 200, stalled: 20, events: 5000 },
  smoke: { readers: 10, stalled: 1, events: 200 },
};
/**
 * Size for peers that send a separate frame for each event. With 180 active readers, a run with one
 * of these peers would take minutes.
 */
const WITHOUT_FLOW = { readers: 24, stalled: 20, events: 10_000 };
const BYTES = 1000;
const BATCH = 100;
const SAMPLE_EVERY_MS = 50;

export const slow: Scenario = {
  name: "slow",
  needs: [],
  runs: 2,
  async run(peer, load, scale) {
    const size = peer.can.has("flow") || scale === "smoke" ? SIZES[scale] : WITHOUT_FLOW;
    const without = await measured(peer, load, { ...size, stalled: 0 });
    const stalled = await measured(peer, load, size);
    return [
      {
        ...size,
        memory_bytes_per_stalled: (stalled.memory - without.memory) / size.stalled,
        bytes_published: size.events * BYTES,
        p95_ms: stalled.p95_ms,
        p95_without_ms: without.p95_ms,
        took_ms: stalled.took_ms,
        took_without_ms: without.took_ms,
        ...loadFigures(stalled),
      },
    ];
  },
};

interface Measured extends LoadUsage {
  /** Maximum growth of the server's memory, in bytes. */
  memory: number;
  /**
   * 95th percentile of the time in ms from a publish until the last active reader has received the
   * events of that publish.
   */
  p95_ms: number;
  took_ms: number;
}

const measured = (
  peer: Peer,
  load: LoadGenerator,
  { readers, stalled, events }: Size,
): Promise<Measured> =>
  withServer(peer, async (server) => {
    const { target, pid } = server;
    await load.open(
      target,
      clients(readers).map((client) => ({ ...client, flow: true })),
    );
    await load.pause(stalled);
    await load.resetCounts(0);
    const before = await residentBytes(pid);
    let peak = before;
    const sampling = setInterval(async () => {
      peak = Math.max(peak, await residentBytes(pid));
    }, SAMPLE_EVERY_MS);
    try {
      const [{ publishedAt, took_ms }, usage] = await load.measure(() =>
        publishAll(server, load, events),
      );
      await assertComplete(load, (readers - stalled) * events);
      const { deliveredAt } = await load.counts();
      const latencies = publishedAt.map((at, i) => deliveredAt.get((i + 1) * BATCH)! - at);
      return { ...usage, took_ms, p95_ms: quantile(latencies, 0.95), memory: peak - before };
    } finally {
      clearInterval(sampling);
      await load.disconnect();
    }
  });

const publishAll = (
  server: Server,
  load: LoadGenerator,
  events: number,
): Promise<{ publishedAt: number[]; took_ms: number }> =>
  withBackend(server, async (backend) => {
    const publishedAt: number[] = [];
    const began = now();
    for (let n = 1; n <= events; n += BATCH) {
      publishedAt.push(now());
      await backend.publish(ROOM, eventBatch(n, BATCH, BYTES));
    }
    return { publishedAt, took_ms: (await load.waitFor(events)) - began };
  });
