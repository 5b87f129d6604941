import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { seconds } from "./jwt.ts";
import { seeded } from "./random.ts";
import { Room, tokenOf } from "./room.ts";
import { NO_WINDOWS } from "./runtime.ts";

const token = tokenOf("alice", ["subscribe"]);

interface Answer {
  status: number;
  after_ms: number;
  body: any;
}

describe("a long poll", { concurrency: true }, () => {
  test("is answered when there is an event after its position", async (t) => {
    const room = await Room.of(t);
    const since = await room.position();
    const polling = poll(room, `since=${since}&wait=20`);
    await room.waitForSessions(1);
    await sleep(500);
    await room.publish({ name: "n", data: { a: 1 } });
    const { status, body, after_ms } = await polling;
    assert.equal(status, 200);
    assert(after_ms >= 500 && after_ms < 20_000, `${after_ms} ms`);
    const { room: name, prev, events, head } = body;
    assert.deepEqual([name, prev, head, events.length], ["r", 0, 1, 1]);
    assert.deepEqual([events[0].seq, events[0].data], [1, { a: 1 }]);
    await room.waitForSessions(0);
  });

  test("is answered immediately with a page if there are events already", async (t) => {
    const room = await Room.of(t);
    const since = await room.position();
    await room.publish({ events: Array(30).fill({ name: "n", data: 1 }) });
    const { body, after_ms } = await poll(room, `since=${since}&wait=30&limit=20`);
    assert(after_ms < 30_000, `${after_ms} ms`);
    assert.deepEqual([body.events.length, body.head], [20, 30]);
    await room.waitForSessions(0);
  });

  test("is answered with an empty page when its wait ends", async (t) => {
    const room = await Room.of(t);
    await room.publish({ name: "n", data: 1 });
    const since = await room.position();
    const { status, body, after_ms } = await poll(room, `since=${since}&wait=2`);
    assert.equal(status, 200);
    assert(after_ms >= 1_990 && after_ms < 20_000, `${after_ms} ms`);
    assert.deepEqual([body.prev, body.events, body.head], [1, [], 1]);
    await room.waitForSessions(0);
  });

  test("with `wait=0` is answered immediately", async (t) => {
    const room = await Room.of(t);
    const { body, after_ms } = await poll(room, `since=${await room.position()}&wait=0`);
    assert(after_ms < 20_000, `${after_ms} ms`);
    assert.deepEqual(body.events, []);
  });

  test("at a lost position, or in a room that is erased, is answered with position_lost", async (t) => {
    const room = await Room.of(t);
    await room.publish({ name: "n", data: 1 });
    const { epoch } = await room.stats();
    for (const lost of ["AAAAAAAA:0", `${epoch}:2`]) {
      const { status, body, after_ms } = await poll(room, `since=${lost}&wait=30`);
      assert.deepEqual([status, body.error.code], [410, "position_lost"], lost);
      assert(after_ms < 30_000, `${after_ms} ms`);
    }
    const polling = poll(room, `since=${epoch}:1&wait=30`);
    await room.waitForSessions(1);
    await room.erase();
    assert.equal((await polling).status, 410);
  });

  test("is ended by a kick, an expired token or a full room, as a socket is", async (t) => {
    const room = await Room.of(t, { settings: { full: { sockets: 1 } } });
    const since = await room.position();
    const kicked = poll(room, `since=${since}&wait=30`);
    await room.waitForSessions(1);
    await room.kick("alice");
    assert.equal((await kicked).status, 403);
    // With the leeway of 30 s, this token expires in eight seconds.
    const short = tokenOf("alice", ["subscribe"], { exp: seconds(-22) });
    const expired = await poll(room, `since=${since}&wait=30`, short);
    assert.deepEqual([expired.status, expired.body.error.code], [401, "unauthorized"]);

    const full = new Room(room.runtime, "full");
    const position = await full.position();
    const polling = poll(full, `since=${position}&wait=10`);
    await full.waitForSessions(1);
    const rejected = await poll(full, `since=${position}&wait=10`);
    assert.deepEqual([rejected.status, rejected.body.error.code], [503, "room_full"]);
    assert.equal((await polling).status, 200);
  });

  test("needs `since`, a token with the right to subscribe, and a `wait` of at most 30 seconds", async (t) => {
    const room = await Room.of(t);
    const since = await room.position();
    for (const query of [
      "wait=1",
      "wait=1&last=1",
      `wait=31&since=${since}`,
      `wait=x&since=${since}`,
    ]) {
      const { status, body } = await poll(room, query);
      assert.deepEqual([status, body.error.code], [400, "bad_request"], query);
    }
    const query = `wait=1&since=${since}`;
    assert.equal((await poll(room, query, tokenOf("bob", ["publish"]))).status, 403);
    assert.equal((await poll(room, query, "a.b.c")).status, 401);
    await room.waitForSessions(0);
  });

  test("does not prevent hibernation of the room, and receives the next event", async (t) => {
    const room = await Room.of(t);
    const since = await room.position();
    const polling = poll(room, `since=${since}&wait=30`);
    await room.waitForSessions(1);
    const before = await room.stats();
    await sleep(14_000); // The runtime evicts an object that has been idle for ten seconds.
    assert.equal(await room.runtime.evict("r"), false, "the room is no longer in memory");
    await room.publish({ name: "n", data: 1 });
    assert.equal((await polling).body.events.length, 1);
    assert((await room.stats()).awake_since > before.awake_since, "the object was created again");
    await room.waitForSessions(0);
  });

  test("that starts after another one loses and repeats no event", async (t) => {
    const random = seeded(t);
    const room = await Room.of(t, { settings: NO_WINDOWS });
    const { epoch } = await room.stats();
    const events = 300;
    const publishing = (async () => {
      for (let data = 1; data <= events; data++) {
        await room.publish({ name: "n", data });
        await sleep(random() * 10);
        if (random() < 0.05) await room.runtime.evict("r");
      }
    })();
    let seq = 0;
    while (seq < events) {
      const { body } = await poll(room, `since=${epoch}:${seq}&wait=10`);
      assert(body.events.length > 0, "the poll was answered before its wait ended");
      for (const event of body.events) assert.deepEqual([event.seq, event.data], [++seq, seq]);
    }
    await publishing;
    await room.waitForSessions(0);
  });
});

async function poll(room: Room, query: string, by = token): Promise<Answer> {
  const headers = { authorization: `Bearer ${by}` };
  const start = performance.now();
  const answer = await fetch(`${room.url}/events?${query}`, { headers });
  const body = await answer.json();
  return { status: answer.status, after_ms: performance.now() - start, body };
}
