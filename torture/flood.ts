/** Strangers that do their worst, while others in the same and in another room go on. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { Room } from "../tests/edge/room.ts";
import { Bystanders } from "./attack/bystanders.ts";
import { crowd } from "./flood/crowd.ts";
import * as floods from "./flood/floods.ts";
import type { Suite } from "./suite.ts";

/** The flooded one, and another. */
const ROOMS = ["flooded", "other"];
/** In each. */
const BYSTANDERS = 10;

export const flood: Suite = {
  about:
    "malformed and oversized frames, broken WebSocket and HTTP, 10,000 opens and closes a minute, slow handshakes, clients that never read, bad tokens, and more sockets than a room takes",
  async run(context) {
    const sockets = context.size(32_000, 60);
    const settings = { "*": { sockets, publishes_per_second: 10_000 } };
    const runtime = await context.start({ settings });
    const room = new Room(runtime, "flooded");
    const bystanders = await Bystanders.start(context, runtime, BYSTANDERS, ROOMS);
    const calm = await bystanders.calm(context.size(5_000, 500));
    const calmMb = await runtime.residentMb();
    const injected: Record<string, number> = {};
    const observed: Record<string, number> = {};
    let worstMs = 0;
    const all = { ...floods, crowd };
    for (const [name, throws] of Object.entries(all)) {
      if (context.isOver) break;
      Object.assign(injected, await throws({ context, runtime, room, sockets }));
      const flooded = await bystanders.measure();
      // Its name, as words.
      const flood = name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
      for (const each of ROOMS) {
        const [before, during] = [calm[each], flooded[each]];
        assert(before && during);
        observed[`× the p50 in the ${each} room (${flood})`] = during.p50 / before.p50;
        worstMs = Math.max(worstMs, during.p99);
      }
    }
    await sleep(1_000);
    const { sessions } = await room.figures();
    assert(sessions >= BYSTANDERS, "a bystander was lost");
    return {
      injected,
      observed: {
        ...observed,
        "closed sockets that the runtime never reported": sessions - BYSTANDERS,
        "ms p50 before the floods": calm.other?.p50 ?? 0,
        "ms p99 before the floods": calm.other?.p99 ?? 0,
        "ms p99 in the worst flood": worstMs,
        "MB of memory before": calmMb,
        "MB of memory after": await runtime.residentMb(),
      },
      notes: [
        "All rooms of this process share one thread, so a flood of one room slows down the other",
      ],
    };
  },
};
