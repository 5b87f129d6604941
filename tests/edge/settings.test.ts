import assert from "node:assert/strict";
import { test } from "node:test";
import { claims, sign } from "./jwt.ts";
import { Room } from "./room.ts";
import { Runtime, SECRET } from "./runtime.ts";

const token = sign(claims("alice", ["subscribe", "publish"]), SECRET);

test("a change of retention keeps the newest events, and their ids still count once", async (t) => {
  const sizes = [5, 9, 3, 7];
  const runtime = await Runtime.start({ settings: retained(sizes[0]!) });
  t.after(() => runtime.stop());
  const room = new Room(runtime, "ring");
  await room.publish(event(1));
  const { epoch } = await room.stats();
  let head = 1;
  // Number of retained events. A smaller ring drops the oldest events, and a larger ring does not
  // restore them.
  let kept = 1;
  for (const size of sizes) {
    await runtime.deploy({ settings: retained(size) });
    kept = Math.min(kept, size);
    assert.deepEqual(await page(runtime), { epoch, head, seqs: newest(head, kept) });
    assert.deepEqual(await room.publish(event(head)), [head]);
    for (let i = 0; i < 8; i++) {
      head += 1;
      kept = Math.min(kept + 1, size);
      assert.deepEqual(await room.publish(event(head)), [head]);
    }
    assert.deepEqual(await page(runtime), { epoch, head, seqs: newest(head, kept) });
  }
});

test("a change of the ring's size writes three rows for each retained append, and one row for each dropped append", async (t) => {
  const room = await Room.of(t, { settings: retained(20) });
  for (let i = 0; i < 20; i++) await room.publish(event(i));
  // Number of rows that every change of the size writes: one about the room, one for creating a
  // table, and one for dropping a table.
  const fixed = 3;
  for (const [size, rows] of [
    [30, fixed + 3 * 20],
    [5, fixed + 3 * 5 + 15],
    [5, 0],
  ] as const) {
    await room.runtime.deploy({ settings: retained(size) });
    assert.equal((await room.stats()).rows_written, rows, `a ring of ${size}`);
  }
});

test("an invalid setting fails the health check, not only one room", async (t) => {
  const runtime = await Runtime.start({ settings: { "*": { sockets: 0 } } });
  t.after(() => runtime.stop());
  const answer = await fetch(`${runtime.url}/healthz`);
  assert.equal(answer.status, 500);
  assert.equal(((await answer.json()) as { error: { code: string } }).error.code, "internal");
});

function retained(appends: number) {
  return { "*": { retained_appends: appends } };
}

function event(number: number): string {
  return `{"name":"n","data":${number},"id":"event-${number}"}`;
}

function newest(head: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => head - count + 1 + i);
}

async function page({ url }: Runtime) {
  const headers = { authorization: `Bearer ${token}` };
  const answer = await fetch(`${url}/rooms/ring/events?last=1000&limit=1000`, { headers });
  const { epoch, events, head } = (await answer.json()) as {
    epoch: string;
    events: { seq: number }[];
    head: number;
  };
  return { epoch, head, seqs: events.map(({ seq }) => seq) };
}
