/**
 * Time that passes while the process stands still: to the worker, a clock that jumps, and alarms
 * that come late. Clocks that go back, and alarms that come twice or early, are the simulator's:
 * tests/it/alarm.rs and the random stories.
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { Socket } from "../tests/edge/client.ts";
import { endsIn } from "../tests/edge/jwt.ts";
import { Member } from "../tests/edge/member.ts";
import { Room, tokenOf } from "../tests/edge/room.ts";
import { IDLE_MS, IdleRooms } from "./idle.ts";
import type { Suite } from "./suite.ts";

const GRACE_MS = 10_000;

export const time: Suite = {
  about:
    "the process frozen, by SIGSTOP, across the end of a token, of a member's grace and of a room's retention: a clock that jumps ahead, and alarms that come late",
  async run(context) {
    const runtime = await context.start({ settings: { "idle:*": { retained_ms: IDLE_MS } } });
    const jumps = context.size(10, 1);
    const idle = new IdleRooms(runtime);
    let [expired, left] = [0, 0];
    for (let i = 0; i < jumps; i++) {
      const room = new Room(runtime, `frozen:${i}`);
      const stays = await Member.open(room.url, tokenOf("ann", ["subscribe", "presence"]));
      context.after(() => stays.drop());
      stays.enter(1);
      const drops = await Member.open(room.url, tokenOf("ben", ["subscribe", "presence"]));
      drops.enter(2);
      const token = tokenOf("guest", ["subscribe"], { exp: endsIn(9) });
      const guest = await Socket.open(`${room.url}/events`, { token });
      await stays.until(({ list }) => list.size === 2);
      await idle.create();
      drops.drop();
      await sleep(context.random() * 1_000);

      process.kill(runtime.pid, "SIGSTOP");
      await sleep(GRACE_MS + 1_000 + context.random() * 2_000);
      process.kill(runtime.pid, "SIGCONT");

      await guest.until("welcome");
      assert.equal((await guest.closed()).code, 4001, "the token ended meanwhile");
      expired += 1;
      // The runtime may not have heard of it before it stood still.
      await stays.until(({ list }) => list.size === 1, GRACE_MS + 30_000);
      assert.deepEqual(await room.members(), ["ann"]);
      left += 1;
      await idle.check({ all: true });
      assert.equal(stays.closed, undefined, "who has time left is not closed");
      assert.deepEqual(await room.publish({ name: "n", data: i }), [1]);
    }
    return {
      injected: { "clock jumps": jumps },
      observed: {
        "sessions closed because their token had expired": expired,
        "members removed because their grace had expired": left,
        "idle rooms erased by a late alarm": idle.erased,
      },
    };
  },
};
