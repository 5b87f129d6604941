/**
 * Stalls some readers while other readers are active. The memory must stay bounded, and the active
 * readers must lose no event. When the stalled readers resume in time, they must catch up without a
 * gap. If they resume too late, they must receive a `gap`.
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { Room } from "../tests/edge/room.ts";
import { post } from "./http.ts";
import { AckingReader } from "./readers/acking-reader.ts";
import { runConcurrently } from "./run-concurrently.ts";
import type { Suite } from "./suite.ts";

const BATCH = 100;
/**
 * Memory for a reader with flow control, in MB: at most the reader's window (docs/configure.md).
 */
const WINDOW_MB = 2 ** 20 / 1e6;
/** Memory that the runtime itself allocates when it starts to work, in MB. */
const OWN_MB = 100;

export const readers: Suite = {
  about: "stalled readers among active readers, with flow control and events of 1 kB",
  async run(context) {
    const events = context.size(50_000, 12_000);
    const retained = events / 5;
    const settings = { "*": { retained_appends: retained / BATCH } };
    const runtime = await context.start({ settings });
    const room = new Room(runtime, "busy");
    const all: AckingReader[] = [];
    context.after(() => all.forEach((reader) => reader.end()));
    await runConcurrently(context.size(200, 20), 20, async () =>
      all.push(await AckingReader.open(room.url)),
    );
    const [stalled, active] = [all.slice(0, all.length / 10), all.slice(all.length / 10)];
    for (const reader of stalled) reader.pause();
    const emptyMb = await runtime.residentMb();

    let peakMb = emptyMb;
    const data = "x".repeat(1_000);
    let head = 0;
    const publish = async (upTo: number): Promise<void> => {
      while (head < upTo) {
        const batch = Array.from({ length: BATCH }, () => ({ name: "n", data }));
        const { status } = await post(room, batch);
        assert.equal(status, 201);
        head += BATCH;
        // Waits until the active readers have almost caught up, so that the log does not evict
        // events that they still need.
        while (active.some(({ seq }) => seq < head - retained / 2)) await sleep(5);
        peakMb = Math.max(peakMb, await runtime.residentMb());
      }
    };
    const reached = async (some: AckingReader[], seq: number): Promise<void> => {
      for (const until = Date.now() + 60_000; !some.every((each) => each.seq === seq);) {
        assert(Date.now() < until, `readers are at ${some.map(({ seq }) => seq)}, not ${seq}`);
        await sleep(20);
      }
    };

    // Half of the stalled readers resume while the log still has all events that they missed. Then
    // these readers stall again. Later, all stalled readers resume too late.
    const early = stalled.slice(0, stalled.length / 2);
    await publish(retained * 0.75);
    for (const reader of early) reader.resume();
    await reached([...active, ...early], head);
    const withoutGap = early.filter(({ gaps }) => gaps === 0).length;
    assert.equal(withoutGap, early.length, "a reader that resumes in time gets no gap");
    for (const reader of early) reader.pause();
    await publish(events);
    for (const reader of stalled) reader.resume();
    await reached(all, head);

    for (const { gaps } of active) assert.equal(gaps, 0, "an active reader loses no event");
    for (const { gaps } of stalled) assert.equal(gaps, 1, "a reader that is too late gets a gap");
    const allowedMb = emptyMb + OWN_MB + all.length * WINDOW_MB;
    assert(peakMb < allowedMb, `${peakMb} MB`);
    return {
      injected: {
        events: head,
        "active readers": active.length,
        "stalled readers": stalled.length,
      },
      observed: {
        "events delivered": all.reduce((sum, { received }) => sum + received, 0),
        "stalled readers that caught up without a gap": withoutGap,
        "stalled readers that received a gap": stalled.length,
        "MB of memory before": emptyMb,
        "MB at the peak": peakMb,
        "MB allowed": allowedMb,
      },
    };
  },
};
