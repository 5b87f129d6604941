/**
 * Runs a steady mix of all client activities for a long time. Samples memory, file handles and
 * latency, and reports how fast each of them grows.
 */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Room } from "../tests/edge/room.ts";
import { post } from "./http.ts";
import { runConcurrently } from "./run-concurrently.ts";
import { type Client, type Load, openClient } from "./soak/clients.ts";
import type { Suite } from "./suite.ts";

const ROOMS = 50;
/** Minimum number of samples that are needed to compute a slope. */
const MIN_SAMPLES = 100;
const PING_EVERY_MS = 20_000;
/**
 * Expected close codes: after a close by the client (1000, 1005), a reset (1006), or an expired
 * token (4001).
 */
const EXPECTED_CODES = [1000, 1005, 1006, 4001];

interface Sample {
  hours: number;
  mb: number;
  handles: number;
  p50: number;
}

export const soak: Suite = {
  about:
    "a steady mix of all client activities: sockets, connections for many rooms and streams that open and close, tokens that expire, presence, signals, and publishes over HTTP and sockets",
  async run(context) {
    const runtime = await context.start();
    const size = context.size(3_000, 60);
    const durationMs = context.durationMs(3_600_000, 4_000);
    const clients = new Set<Client>();
    let latenciesMs: number[] = [];
    let failure: unknown;
    const counts = { clients: 0, publishes: 0, received: 0 };
    const load: Load = {
      url: runtime.url,
      random: context.random,
      room: () => `soak:${context.below(ROOMS)}`,
      received(ms) {
        counts.received += 1;
        latenciesMs.push(ms);
      },
      fail: (cause) => (failure ??= cause),
    };
    let isOver = false;
    context.after(() => {
      isOver = true;
      for (const client of clients) client.close();
    });
    const open = async (): Promise<void> => {
      const client = await openClient(load);
      counts.clients += 1;
      clients.add(client);
      void client.closed.then((code) => {
        clients.delete(client);
        if (!isOver && !EXPECTED_CODES.includes(code))
          failure ??= `a client was closed with ${code}`;
      });
    };
    await runConcurrently(size, 50, open);

    const startedAt = Date.now();
    const samples: Sample[] = [];
    const every = async (ms: number, act: () => unknown): Promise<void> => {
      while (!failure && Date.now() < startedAt + durationMs) {
        await act();
        await sleep(ms);
      }
    };
    const pick = (): Client | undefined => [...clients][context.below(clients.size)];
    await Promise.all([
      every(PING_EVERY_MS, () => {
        for (const client of clients) client.ping();
      }),
      every(50, () => pick()?.act()),
      // A client stays connected for three minutes on average.
      every(180_000 / size, () => pick()?.close()),
      every(50, () => runConcurrently(size - clients.size, 20, open)),
      every(100, async () => {
        const { status } = await post(new Room(runtime, load.room()), [
          { name: "n", data: Date.now() },
        ]);
        assert.equal(status, 201);
        counts.publishes += 1;
      }),
      every(Math.max(500, durationMs / 500), async () => {
        const sorted = latenciesMs.sort((a, b) => a - b);
        latenciesMs = [];
        samples.push({
          hours: (Date.now() - startedAt) / 3_600_000,
          mb: await runtime.residentMb(),
          handles: readdirSync(`/proc/${runtime.pid}/fd`).length,
          p50: sorted[Math.floor(sorted.length / 2)] ?? 0,
        });
      }),
    ]);
    if (failure) throw failure;

    // The first quarter of the samples is the warm-up, and is ignored.
    const warm = samples.slice(samples.length / 4);
    const last = warm.at(-1);
    const slopes = {
      "MB of growth an hour": slope(warm, ({ mb }) => mb),
      // Memory that has an upper bound, such as the logs of the rooms, grows more and more slowly.
      // The growth of a leak does not slow down.
      "MB of growth an hour in the last quarter": slope(
        samples.slice(-samples.length / 4),
        ({ mb }) => mb,
      ),
      "file handles of growth an hour": slope(warm, ({ handles }) => handles),
      "ms of growth of the p50 an hour": slope(warm, ({ p50 }) => p50),
    };
    const isLong = samples.length >= MIN_SAMPLES;
    return {
      injected: {
        "s of load": durationMs / 1_000,
        clients: counts.clients,
        publishes: counts.publishes,
        "events received": counts.received,
        "sockets at the same time": size,
      },
      observed: {
        "MB of memory at the end": last?.mb ?? 0,
        "file handles at the end": last?.handles ?? 0,
        "ms p50 at the end": last?.p50 ?? 0,
        ...(isLong && slopes),
      },
      notes: isLong ? [] : ["The run was too short for slopes"],
    };
  },
};

/**
 * Returns the median of the slopes between any two samples (Theil–Sen estimator). Other work that
 * keeps the machine busy for a few minutes does not change this median.
 */
function slope(samples: Sample[], of: (sample: Sample) => number): number {
  const slopes = samples
    .flatMap((a, i) => samples.slice(i + 1).map((b) => (of(b) - of(a)) / (b.hours - a.hours)))
    .sort((a, b) => a - b);
  return slopes[Math.floor(slopes.length / 2)] ?? 0;
}
