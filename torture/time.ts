/**
 * Stops the process for some seconds. For the worker, the clock then jumps ahead and alarms are
 * late. The simulator tests clocks that go back and alarms that are early or repeated
 * (tests/it/alarm.rs and the random runs).
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
    "SIGSTOP while a token, a member's grace and a room's retention expire: the clock jumps ahead, and alarms are late",
  async run(context) {
    const runtime = await context.start({ settings: { "idle:*": { retained_ms: IDLE_MS } } });
    const jumps = context.size(10, 1);
    const idle = new IdleRooms(runtime);
    let [expired, removed] = [0, 0];
    for (let i = 0; i < jumps; i++) {
      const room = new Room(runtime, `frozen:${i}`);
      const ann = await Member.open(room.url, tokenOf("ann", ["subscribe", "presence"]));
      context.after(() => ann.drop());
      ann.enter(1);
      const ben = await Member.open(room.url, tokenOf("ben", ["subscribe", "presence"]));
      ben.enter(2);
      const token = tokenOf("guest", ["subscribe"], { exp: endsIn(9) });
      const guest = await Socket.open(`${room.url}/events`, { token });
      await ann.until(({ list }) => list.size === 2);
      await idle.create();
      ben.drop();
      await sleep(context.random() * 1_000);

      process.kill(runtime.pid, "SIGSTOP");
      await sleep(GRACE_MS + 1_000 + context.random() * 2_000);
      process.kill(runtime.pid, "SIGCONT");

      await guest.until("welcome");
      assert.equal((await guest.closed()).code, 4001, "the guest's token has expired");
      expired += 1;
      // If the runtime did not notice the drop before the stop, ben's grace starts only now.
      await ann.until(({ list }) => list.size === 1, GRACE_MS + 30_000);
      assert.deepEqual(await room.members(), ["ann"]);
      removed += 1;
      await idle.check({ all: true });
      assert.equal(ann.closed, undefined, "a session with a valid token is not closed");
      assert.deepEqual(await room.publish({ name: "n", data: i }), [1]);
    }
    return {
      injected: { "clock jumps": jumps },
      observed: {
        "sessions closed because their token had expired": expired,
        "members removed because their grace had expired": removed,
        "idle rooms erased by a late alarm": idle.erased,
      },
    };
  },
};
