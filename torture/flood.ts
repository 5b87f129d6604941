/**
 * Floods one room with malformed and excessive traffic, while bystanders use this room and another
 * room.
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { Room } from "../tests/edge/room.ts";
import { Bystanders } from "./attack/bystanders.ts";
import { all as floods } from "./flood/floods.ts";
import type { Suite } from "./suite.ts";

/** Names of the flooded room and of a room that is not flooded. */
const ROOMS = ["flooded", "other"];
/** Number of readers among the bystanders of each room. */
const BYSTANDERS = 10;

export const flood: Suite = {
  about:
    "malformed and oversized frames, violations of WebSocket and HTTP, 10,000 opens and closes a minute, slow handshakes, clients that never read, invalid tokens, and more sockets than the limit of a room",
  async run(context) {
    const sockets = context.size(32_000, 60);
    const settings = { "*": { sockets, publishes_per_second: 10_000 } };
    const runtime = await context.start({ settings });
    const room = new Room(runtime, "flooded");
    const bystanders = await Bystanders.start(context, runtime, BYSTANDERS, ROOMS);
    const calm = await bystanders.measureFor(context.size(5_000, 500));
    const calmMb = await runtime.residentMb();
    const injected: Record<string, number> = {};
    const observed: Record<string, number> = {};
    let worstMs = 0;
    for (const [name, flood] of Object.entries(floods)) {
      if (context.isOver) break;
      Object.assign(injected, await flood({ context, runtime, room, sockets }));
      const flooded = await bystanders.measure();
      const words = name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
      for (const each of ROOMS) {
        const [before, during] = [calm[each], flooded[each]];
        assert(before && during);
        observed[`× the p50 before, in the ${each} room (${words})`] = during.p50 / before.p50;
        worstMs = Math.max(worstMs, during.p99);
      }
    }
    await sleep(1_000);
    const { sessions } = await room.stats();
    assert(sessions >= BYSTANDERS, "a bystander was disconnected");
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
        "All rooms of this process share one thread, so a flood of one room slows down the other room",
      ],
    };
  },
};
