import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Socket } from "./client.ts";
import { claims, sign } from "./jwt.ts";
import { Room } from "./room.ts";
import { Runtime, SECRET } from "./runtime.ts";

const token = sign(claims("alice", ["subscribe", "publish"]), SECRET);
const MAX_EVENTS_BYTES = 256 * 1024;
const GAP = 100_000;
const LIVE = 500;

let runtime: Runtime;
before(async () => {
  runtime = await Runtime.start({ settings: { "*": { publishes_per_second: 100_000 } } });
});
after(() => runtime.stop());

test("100,000 missed events are replayed in bounded frames, and live events follow in order", async () => {
  const room = new Room(runtime, "deep");
  for (let i = 1; i <= GAP; i += 1_000) await publish(room, batch(i, 1_000));
  const { epoch } = await room.stats();

  const alice = await Socket.open(`${runtime.url}/rooms/deep/events`, {
    token,
    query: `since=${epoch}:0`,
  });
  // Live events are published one at a time during the replay.
  const live = (async () => {
    for (let i = GAP + 1; i <= GAP + LIVE; i++) await publish(room, batch(i, 1));
  })();
  const welcome = await alice.next();
  assert.equal(welcome.recovered, true);
  let seq = 0;
  while (seq < GAP + LIVE) {
    const { type, prev, events } = await alice.next();
    assert.equal(type, "events");
    assert.equal(prev, seq);
    const { text } = alice;
    const bytes = Buffer.byteLength(text.slice(text.indexOf("[") + 1, text.lastIndexOf("]")));
    assert(bytes <= MAX_EVENTS_BYTES, `a frame with events of ${bytes} bytes`);
    for (const event of events) {
      seq += 1;
      assert.equal(event.seq, seq);
      assert.equal(event.data, seq, "the room has the order of the publishes");
    }
  }
  await live;
  alice.close();
});

describe("a publish writes one row to the log", () => {
  const cases = [
    { what: "of 1 event", events: batch(1, 1), rows: 1 },
    { what: "of 1,000 events", events: batch(1, 1_000), rows: 1 },
    { what: "of 1 event with an id", events: [text({ id: "a" })], rows: 1 },
    { what: "of 1 event with a key", events: [text({ key: "a" })], rows: 2 },
    { what: "of 1 event with an existing key", events: [text({ key: "b" })], rows: 2 },
    {
      what: "of 3 events with 2 keys",
      events: ["c", "d", "c"].map((key) => text({ key })),
      rows: 3,
    },
  ];
  for (const { what, events, rows } of cases) {
    test(what, async () => {
      const room = new Room(runtime, `rows-${what.replace(/\W+/g, "-")}`);
      // The first publish of a room also writes other rows, so it is not counted.
      await publish(room, [text({ key: "b" })]);
      const before = await rowsWritten(room);
      await publish(room, events);
      assert.equal((await rowsWritten(room)) - before, rows);
    });
  }

  test("that replaces the oldest row of the ring", async (t) => {
    const small = await Runtime.start({ settings: { "*": { retained_appends: 3 } } });
    t.after(() => small.stop());
    const room = new Room(small, "ring");
    for (let i = 1; i <= 3; i++) await publish(room, batch(i, 1));
    const before = await rowsWritten(room);
    for (let i = 4; i <= 10; i++) await publish(room, batch(i, 1));
    assert.equal((await rowsWritten(room)) - before, 7);
  });

  test("and a repeated publish writes none", async () => {
    const room = new Room(runtime, "repeats");
    await publish(room, [text({ id: "a", key: "k" })]);
    const before = await rowsWritten(room);
    await publish(room, [text({ id: "a", key: "k" })]);
    assert.equal((await rowsWritten(room)) - before, 0);
  });
});

function batch(first: number, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `{"name":"n","data":${first + i}}`);
}

function text(fields: object): string {
  return JSON.stringify({ name: "n", data: 1, ...fields });
}

async function publish(room: Room, events: string[]): Promise<void> {
  await room.publish(`{"events":[${events.join(",")}]}`);
}

/** Returns the number of rows that the room's object has written since its creation. */
async function rowsWritten(room: Room): Promise<number> {
  const { rows_written: rows } = await room.stats();
  assert(Number.isSafeInteger(rows), "the room reports the number of rows written");
  return rows;
}
