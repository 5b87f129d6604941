/**
 * Readers that stand still among readers that read: what they cost is bounded, the others lose
 * nothing, and when they go on they catch up exactly, or hear of a gap.
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { Room } from "../tests/edge/room.ts";
import { post } from "./http.ts";
import { runConcurrently } from "./run-concurrently.ts";
import type { Suite } from "./suite.ts";
import { AckingReader } from "./readers/acking-reader.ts";

const BATCH = 100;
/** What docs/operating.md says a reader with flow control costs at most: its window. */
const WINDOW_MB = 2 ** 20 / 1e6;
/** What the runtime takes for itself as it begins to work. */
const OWN_MB = 100;

export const readers: Suite = {
  about: "readers that stand still among readers that read, with flow control and 1 kB events",
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
    const [still, reading] = [all.slice(0, all.length / 10), all.slice(all.length / 10)];
    for (const reader of still) reader.standStill();
    const emptyMb = await runtime.residentMb();

    let mostMb = emptyMb;
    const data = "x".repeat(1_000);
    let head = 0;
    const publishes = async (upTo: number): Promise<void> => {
      while (head < upTo) {
        const batch = Array.from({ length: BATCH }, () => ({ name: "n", data }));
        const { status } = await post(room, batch);
        assert.equal(status, 201);
        head += BATCH;
        // Not faster than they read: or what they have yet to read is retained no more.
        while (reading.some(({ seq }) => seq < head - retained / 2)) await sleep(5);
        mostMb = Math.max(mostMb, await runtime.residentMb());
      }
    };
    const areAt = async (some: AckingReader[], seq: number): Promise<void> => {
      for (const until = Date.now() + 60_000; !some.every((each) => each.seq === seq);) {
        assert(Date.now() < until, `they are at ${some.map(({ seq }) => seq)}, not ${seq}`);
        await sleep(20);
      }
    };

    // Half of them go on while all that they missed is retained, the others when it is not.
    const soon = still.slice(0, still.length / 2);
    await publishes(retained * 0.75);
    for (const reader of soon) reader.goOn();
    await areAt([...reading, ...soon], head);
    const exactly = soon.filter(({ gaps }) => gaps === 0).length;
    assert.equal(exactly, soon.length, "who is back in time catches up exactly");
    for (const reader of soon) reader.standStill();
    await publishes(events);
    for (const reader of still) reader.goOn();
    await areAt(all, head);

    for (const { gaps } of reading) assert.equal(gaps, 0, "who reads loses nothing");
    for (const { gaps } of still) assert.equal(gaps, 1, "who was away for too long hears of it");
    const boundMb = emptyMb + OWN_MB + all.length * WINDOW_MB;
    assert(mostMb < boundMb, `${mostMb} MB`);
    return {
      injected: { events: head, readers: reading.length, "stalled readers": still.length },
      observed: {
        "events delivered": all.reduce((sum, { heard }) => sum + heard, 0),
        "stalled readers that caught up without a gap": exactly,
        "stalled readers that received a gap": still.length,
        "MB of memory before": emptyMb,
        "MB at the peak": mostMb,
        "MB allowed": boundMb,
      },
    };
  },
};
