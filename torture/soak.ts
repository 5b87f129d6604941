/**
 * A long time of everything that people do, at a steady pace. Memory, file handles and latency are
 * sampled; what grows has a slope.
 */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Room } from "../tests/edge/room.ts";
import { post } from "./http.ts";
import { runConcurrently } from "./run-concurrently.ts";
import type { Suite } from "./suite.ts";
import { type Visitor, type World, visit } from "./soak/visitors.ts";

const ROOMS = 50;
/** Fewer samples say nothing of a slope. */
const LONG = 100;
const PING_EVERY_MS = 20_000;
/** Their own wish, their token's end, a socket that was cut. */
const EXPECTED = [1000, 1005, 1006, 4001];

interface Sample {
  hours: number;
  mb: number;
  handles: number;
  p50: number;
}

export const soak: Suite = {
  about:
    "a steady load of everything: sockets, connections for many rooms and streams that come and go, tokens that end, presence, signals, and publishes over HTTP and sockets",
  async run(context) {
    const runtime = await context.start();
    const size = context.size(3_000, 60);
    const lastsMs = context.durationMs(3_600_000, 4_000);
    const visitors = new Set<Visitor>();
    let tookMs: number[] = [];
    let wrong: unknown;
    const counts = { visitors: 0, publishes: 0, heard: 0 };
    const world: World = {
      url: runtime.url,
      random: context.random,
      room: () => `soak:${context.below(ROOMS)}`,
      took(ms) {
        counts.heard += 1;
        tookMs.push(ms);
      },
      wrong: (cause) => (wrong ??= cause),
    };
    let isOver = false;
    context.after(() => {
      isOver = true;
      for (const visitor of visitors) visitor.leave();
    });
    const comes = async (): Promise<void> => {
      const visitor = await visit(world);
      counts.visitors += 1;
      visitors.add(visitor);
      void visitor.gone.then((code) => {
        visitors.delete(visitor);
        if (!isOver && !EXPECTED.includes(code)) wrong ??= `somebody was closed with ${code}`;
      });
    };
    await runConcurrently(size, 50, comes);

    const begun = Date.now();
    const samples: Sample[] = [];
    const every = async (ms: number, act: () => unknown): Promise<void> => {
      while (!wrong && Date.now() < begun + lastsMs) {
        await act();
        await sleep(ms);
      }
    };
    const some = (): Visitor | undefined => [...visitors][context.below(visitors.size)];
    await Promise.all([
      every(PING_EVERY_MS, () => {
        for (const visitor of visitors) visitor.ping();
      }),
      every(50, () => some()?.act()),
      // Each stays for three minutes or so.
      every(180_000 / size, () => some()?.leave()),
      every(50, () => runConcurrently(size - visitors.size, 20, comes)),
      every(100, async () => {
        const { status } = await post(new Room(runtime, world.room()), [
          { name: "n", data: Date.now() },
        ]);
        assert.equal(status, 201);
        counts.publishes += 1;
      }),
      every(Math.max(500, lastsMs / 500), async () => {
        const sorted = tookMs.sort((a, b) => a - b);
        tookMs = [];
        samples.push({
          hours: (Date.now() - begun) / 3_600_000,
          mb: await runtime.residentMb(),
          handles: readdirSync(`/proc/${runtime.pid}/fd`).length,
          p50: sorted[Math.floor(sorted.length / 2)] ?? 0,
        });
      }),
    ]);
    if (wrong) throw wrong;

    // What it takes to warm up is no slope.
    const warm = samples.slice(samples.length / 4);
    const last = warm.at(-1);
    const slopes = {
      "MB of growth an hour": slope(warm, ({ mb }) => mb),
      // What fills up, as the rooms' logs do, gets slower; what leaks does not.
      "MB of growth an hour in the last quarter": slope(
        samples.slice(-samples.length / 4),
        ({ mb }) => mb,
      ),
      "file handles of growth an hour": slope(warm, ({ handles }) => handles),
      "ms of growth of the p50 an hour": slope(warm, ({ p50 }) => p50),
    };
    const isLong = samples.length >= LONG;
    return {
      injected: { "s of load": lastsMs / 1_000, ...counts, "sockets at once": size },
      observed: {
        "MB of memory at the end": last?.mb ?? 0,
        "file handles at the end": last?.handles ?? 0,
        "ms p50 at the end": last?.p50 ?? 0,
        ...(isLong && slopes),
      },
      notes: isLong ? [] : ["No slopes: it was too short"],
    };
  },
};

/**
 * The median of the slopes between any two of the samples (Theil and Sen): some minutes in which
 * the machine was busy with something else do not tilt it.
 */
function slope(samples: Sample[], of: (sample: Sample) => number): number {
  const slopes = samples
    .flatMap((a, i) => samples.slice(i + 1).map((b) => (of(b) - of(a)) / (b.hours - a.hours)))
    .sort((a, b) => a - b);
  return slopes[Math.floor(slopes.length / 2)] ?? 0;
}
