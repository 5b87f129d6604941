import assert from "node:assert/strict";
import { once } from "node:events";
import { get } from "node:http";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { EventStream } from "./event-stream.ts";
import { seconds } from "./jwt.ts";
import { seeded } from "./random.ts";
import { Room, tokenOf } from "./room.ts";
import { NO_WINDOWS } from "./runtime.ts";

const token = tokenOf("alice", ["subscribe"]);
const APP = "https://app.example.com";
/**
 * Maximum time until a lost reader is detected: two comment periods, plus 25 s for a busy machine.
 */
const COMMENTED_WITHIN_MS = 50_000 + 25_000;

describe("a stream of Server-Sent Events", { concurrency: true }, () => {
  test("has the headers of an event stream, and CORS headers for an allowed origin", async (t) => {
    const room = await Room.of(t, {
      vars: { JWT_SECRET: "a secret of the tests, of more than 32 bytes", ALLOWED_ORIGINS: APP },
    });
    const headers = { origin: APP, accept: "text/html;q=0.1, Text/Event-Stream;q=0.9" };
    const stream = await EventStream.open(`${room.url}/events`, { token, headers });
    t.after(() => stream.drop());
    assert.equal(stream.status, 200);
    const answered = stream.response.headers;
    assert.equal(answered["content-type"], "text/event-stream");
    assert.equal(answered["cache-control"], "no-store");
    assert.equal(answered["x-accel-buffering"], "no", "nginx would buffer the stream");
    assert.equal(answered["access-control-allow-origin"], APP);
  });

  test("starts with an id, from which it can resume even before the first event", async (t) => {
    const room = await Room.of(t);
    const stream = await EventStream.open(`${room.url}/events`, { token });
    const start = await stream.waitForPosition();
    assert.equal(start, `${(await room.stats()).epoch}:0`);
    assert.equal(stream.text, `id: ${start}\n\n`, "a block without data");
    stream.drop();

    await room.publish({ name: "n", data: "while disconnected" });
    const resumed = await EventStream.open(`${room.url}/events`, { token, lastEventId: start });
    t.after(() => resumed.drop());
    assert.equal((await resumed.nextJson()).data, "while disconnected");
  });

  test("sends an event as data without a type, and its position as the id", async (t) => {
    const room = await Room.of(t);
    const stream = await EventStream.open(`${room.url}/events`, { token });
    t.after(() => stream.drop());
    const start = await stream.waitForPosition();
    await room.publish(
      `{"events":[{"name":"a","data":{ "n" : 1.0 }},{"name":"b","data":2,"id":"i","key":"k"}]}`,
    );
    const { epoch } = await room.stats();
    const first = await stream.next();
    assert.equal(first?.event, "message");
    assert.equal(first.lastEventId, `${epoch}:1`);
    assert(first.data.startsWith(`{"seq":1,"name":"a","data":{ "n" : 1.0 },"at":`), first.data);
    const { at, ...second } = await stream.nextJson();
    assert.equal(typeof at, "number");
    assert.deepEqual(second, { seq: 2, name: "b", data: 2, from: "backend", id: "i", key: "k" });
    assert.equal(stream.lastEventId, `${epoch}:2`);
    assert(stream.text.startsWith(`id: ${start}\n\nid: ${epoch}:1\ndata: {`), stream.text);
  });

  test("preserves the line breaks of an event", async (t) => {
    const room = await Room.of(t);
    const stream = await EventStream.open(`${room.url}/events`, { token });
    t.after(() => stream.drop());
    await stream.waitForPosition();
    await room.publish('{"name":"n","data":[\n1,\r\n2,\r3\n]}');
    const block = await stream.next();
    assert(block?.data.includes('"data":[\n1,\n\n2,\n3\n],'), block?.data);
    assert.deepEqual(JSON.parse(block?.data ?? "").data, [1, 2, 3]);
  });

  test("starts with the state, whose id is the position", async (t) => {
    const room = await Room.of(t);
    await room.publish({ name: "n", data: 1, key: "k" });
    const { epoch } = await room.stats();
    const stream = await EventStream.open(`${room.url}/events`, { token });
    const state = await stream.next();
    assert.equal(state?.event, "state");
    assert.equal(state.lastEventId, `${epoch}:1`);
    const { type, room: name, seq, events } = JSON.parse(state.data);
    assert.deepEqual([type, name, seq, events[0].key], ["state", "r", 1, "k"]);
    stream.drop();

    const without = await EventStream.open(`${room.url}/events`, { token, query: "state=0" });
    t.after(() => without.drop());
    await without.waitForPosition();
    assert.equal(without.text, `id: ${epoch}:1\n\n`);
  });

  test("starts with the last events that `last` requests", async (t) => {
    const room = await Room.of(t);
    for (const data of [1, 2, 3]) await room.publish({ name: "n", data });
    const { epoch } = await room.stats();
    const stream = await EventStream.open(`${room.url}/events`, { token, query: "last=2" });
    t.after(() => stream.drop());
    assert.equal((await stream.nextJson()).seq, 2);
    assert.equal((await stream.nextJson()).seq, 3);
    assert(stream.text.startsWith(`id: ${epoch}:1\n\nid: ${epoch}:2\n`), stream.text);
  });

  test("resumes from Last-Event-ID, also if its query has another position", async (t) => {
    const room = await Room.of(t);
    for (const data of [1, 2, 3]) await room.publish({ name: "n", data });
    const { epoch } = await room.stats();
    for (const query of [`since=${epoch}:0`, "last=3", ""]) {
      const options = { token, query, lastEventId: `${epoch}:2` };
      const stream = await EventStream.open(`${room.url}/events`, options);
      assert.equal((await stream.nextJson()).seq, 3, query);
      stream.drop();
    }
    const first = await EventStream.open(`${room.url}/events`, {
      token,
      query: `since=${epoch}:1`,
    });
    t.after(() => first.drop());
    assert.equal((await first.nextJson()).seq, 2);
  });

  test("resumes from lastEventId in its query, which polyfills of EventSource send", async (t) => {
    const room = await Room.of(t);
    for (const data of [1, 2, 3]) await room.publish({ name: "n", data });
    const { epoch } = await room.stats();
    for (const [query, lastEventId, seq] of [
      [`lastEventId=${encodeURIComponent(`${epoch}:2`)}`, undefined, 3],
      [`last=3&lastEventId=${epoch}:1`, "", 2],
      [`lastEventId=${epoch}:2`, `${epoch}:1`, 2],
      ["last=3&lastEventId=", undefined, 1],
    ] as const) {
      const stream = await EventStream.open(`${room.url}/events`, { token, query, lastEventId });
      assert.equal((await stream.nextJson()).seq, seq, query);
      stream.drop();
    }
  });

  test("starts with `gap` and `state` after a lost position, and only the last of them has the id", async (t) => {
    const room = await Room.of(t);
    await room.publish({ name: "n", data: 1 });
    const { epoch } = await room.stats();
    const lost = { token, lastEventId: "AAAAAAAA:7" };
    const alone = await EventStream.open(`${room.url}/events`, lost);
    const gap = await alone.next();
    assert.deepEqual([gap?.event, gap?.lastEventId], ["gap", `${epoch}:1`]);
    const { oldest, seq } = JSON.parse(gap?.data ?? "");
    assert.deepEqual([oldest, seq], [1, 1]);
    alone.drop();

    await room.publish({ name: "n", data: 2, key: "k" });
    const both = await EventStream.open(`${room.url}/events`, lost);
    t.after(() => both.drop());
    const first = await both.next();
    assert.deepEqual([first?.event, first?.lastEventId], ["gap", ""]);
    const second = await both.next();
    assert.deepEqual([second?.event, second?.lastEventId], ["state", `${epoch}:2`]);
  });

  test("forwards signals", async (t) => {
    const room = await Room.of(t);
    const stream = await EventStream.open(`${room.url}/events`, { token });
    t.after(() => stream.drop());
    const start = await stream.waitForPosition();
    await room.signal("typing", { in: "chat" });
    const signal = await stream.next();
    assert.deepEqual([signal?.event, signal?.lastEventId], ["signal", start]);
    assert.deepEqual(JSON.parse(signal?.data ?? ""), {
      type: "signal",
      room: "r",
      name: "typing",
      data: { in: "chat" },
      from: "backend",
    });
  });

  const ends: [string, number, (room: Room) => Promise<void>][] = [
    ["kicks its user", 4010, (room) => room.kick("alice")],
    ["is erased", 4011, (room) => room.erase()],
  ];
  for (const [what, code, happens] of ends) {
    test(`ends with \`closed\` and a code when the room ${what}`, async (t) => {
      const room = await Room.of(t);
      const stream = await EventStream.open(`${room.url}/events`, { token });
      await stream.waitForPosition();
      await happens(room);
      const closed = await stream.next();
      assert.equal(closed?.event, "closed");
      const { code: received, reason, ...more } = JSON.parse(closed.data);
      assert.equal(received, code);
      assert.equal(typeof reason, "string");
      assert.deepEqual(more, {});
      assert.equal(await stream.next(), undefined, "`closed` is the last event");
    });
  }

  test("ends when its token expires", async (t) => {
    const room = await Room.of(t);
    // With the leeway of 30 s, this token expires in eight seconds.
    const short = tokenOf("alice", ["subscribe"], { exp: seconds(-22) });
    const stream = await EventStream.open(`${room.url}/events`, { token: short });
    await stream.waitForPosition();
    const closed = await stream.next();
    assert.deepEqual([closed?.event, JSON.parse(closed?.data ?? "").code], ["closed", 4001]);
    await stream.waitForEnd();
  });

  test("is rejected with the same status and code as other requests", async (t) => {
    const room = await Room.of(t, { settings: { full: { sockets: 1 } } });
    const status = async (options: object, name = "r"): Promise<[number | undefined, string]> => {
      const stream = await EventStream.open(`${room.runtime.url}/rooms/${name}/events`, options);
      await stream.waitForEnd();
      assert.equal(stream.response.headers["content-type"], "application/json");
      return [stream.status, stream.errorBody.error.code];
    };
    const withoutRight = tokenOf("bob", ["publish"]);
    assert.deepEqual(await status({}), [401, "unauthorized"]);
    assert.deepEqual(await status({ token: "a.b.c" }), [401, "unauthorized"]);
    assert.deepEqual(await status({ token: withoutRight }), [403, "forbidden"]);
    assert.deepEqual(await status({ token, query: "since=1" }), [400, "bad_request"]);
    assert.deepEqual(await status({ token, lastEventId: "1" }), [400, "bad_request"]);
    assert.deepEqual(await status({ token, query: "lastEventId=1" }), [400, "bad_request"]);
    assert.deepEqual(await status({ token, query: "last=1&since=h7Qk2pXa:41" }), [
      400,
      "bad_request",
    ]);
    const reader = await EventStream.open(`${room.runtime.url}/rooms/full/events`, { token });
    t.after(() => reader.drop());
    await reader.waitForPosition();
    assert.deepEqual(await status({ token }, "full"), [503, "room_full"]);
    await new Room(room.runtime, "full").waitForSessions(1);
  });
});

describe("a room with only stream readers", { concurrency: true }, () => {
  test("hibernates between events, and the next event reaches all readers", async (t) => {
    const room = await Room.of(t);
    const open = () => EventStream.open(`${room.url}/events`, { token });
    const streams = await Promise.all([open(), open(), open()]);
    t.after(() => streams.forEach((stream) => stream.drop()));
    await Promise.all(streams.map((stream) => stream.waitForPosition()));
    await room.publish({ name: "n", data: 1 });
    for (const stream of streams) assert.equal((await stream.nextJson()).seq, 1);
    const before = await room.stats();
    await sleep(14_000); // The runtime evicts an object that has been idle for ten seconds.
    assert.equal(await room.runtime.evict("r"), false, "the room is no longer in memory");
    await room.publish({ name: "n", data: 2 });
    for (const stream of streams) assert.equal((await stream.nextJson()).seq, 2);
    const after = await room.stats();
    assert(after.awake_since > before.awake_since, "the object was created again");
    assert.equal(after.sessions, 3);
  });

  test("is not woken by the comments that the readers receive every 25 seconds", async (t) => {
    const room = await Room.of(t);
    const since = Date.now();
    const stream = await EventStream.open(`${room.url}/events`, { token });
    t.after(() => stream.drop());
    await stream.waitForPosition();
    await room.runtime.evict("r");
    await stream.waitForComments(1, 49_000);
    const after = Date.now() - since;
    assert(after > 24_900, `${after} ms`);
    assert.equal(await room.runtime.evict("r"), false, "the room is still hibernating");
  });

  test("is not woken by a `seen` after a few small events", async (t) => {
    const room = await Room.of(t);
    const stream = await EventStream.open(`${room.url}/events`, { token });
    t.after(() => stream.drop());
    await stream.waitForPosition();
    for (const data of [1, 2, 3]) await room.publish({ name: "n", data });
    for (const seq of [1, 2, 3]) assert.equal((await stream.nextJson()).seq, seq);
    await room.runtime.evict("r");
    // An earlier version sent a `seen` one second after an event.
    await sleep(3_000);
    assert.equal(await room.runtime.evict("r"), false, "the room is still hibernating");
  });

  test("closes the sessions of a thousand disconnected readers", async (t) => {
    const room = await Room.of(t);
    const streams: EventStream[] = [];
    while (streams.length < 1_000) {
      const open = () => EventStream.open(`${room.url}/events`, { token });
      streams.push(...(await Promise.all(Array.from({ length: 100 }, open))));
    }
    await Promise.all(streams.map((stream) => stream.waitForPosition()));
    await room.waitForSessions(1_000);
    const staying = streams.pop();
    for (const stream of streams) stream.drop();
    // A disconnected reader is detected by the next write to its stream.
    await room.publish({ name: "n", data: 1 });
    await sleep(200);
    await room.publish({ name: "n", data: 2 });
    await room.waitForSessions(1, COMMENTED_WITHIN_MS);
    assert.equal((await staying?.nextJson()).seq, 1);
    staying?.drop();
  });

  test("without events closes the session of a disconnected reader within two comment periods", async (t) => {
    const room = await Room.of(t);
    const stream = await EventStream.open(`${room.url}/events`, { token });
    await stream.waitForPosition();
    stream.drop();
    await room.waitForSessions(0, COMMENTED_WITHIN_MS);
  });

  test("closes the session of a reader that is reset between two events, before the next event", async (t) => {
    const room = await Room.of(t);
    const stream = await EventStream.open(`${room.url}/events`, { token });
    await stream.waitForPosition();
    await room.publish({ name: "n", data: 1 });
    assert.equal((await stream.nextJson()).seq, 1);
    stream.response.socket.resetAndDestroy();
    // The next write to the stream would be a comment after 25 s.
    await room.waitForSessions(0, 20_000);
  });

  // Limits: STREAM_START_TIMEOUT_MS.
  test("closes the session of a reader that disconnects before it is answered", async (t) => {
    const room = await Room.of(t);
    await disconnectBeforeAnswer(room);
    await room.waitForSessions(0, 20_000);
  });
});

describe("a stream reader", { concurrency: true }, () => {
  test("receives every event once and in order, however often it is disconnected", async (t) => {
    const random = seeded(t);
    const room = await Room.of(t, { settings: NO_WINDOWS });
    const events = 1_000;
    const read: number[] = [];
    let cuts = 0;
    // A reader that has received no id yet would reconnect at the newest event. So that no event is
    // lost, the first request already contains the room's position.
    let lastEventId = await room.position();
    const reading = (async () => {
      while (read.length < events) {
        const query = "last=0"; // The URL still has the query of the first request.
        const stream = await EventStream.open(`${room.url}/events`, { token, query, lastEventId });
        const cut = setTimeout(() => stream.drop(), random() * 100);
        for (let block = await stream.next(); block; block = await stream.next()) {
          assert.equal(block.event, "message", block.data);
          read.push(JSON.parse(block.data).data);
          if (read.length === events) stream.drop();
        }
        clearTimeout(cut);
        lastEventId = stream.lastEventId || lastEventId;
        cuts += 1;
      }
    })();
    for (let i = 1; i <= events; i += 2) {
      await room.publish({
        events: [
          { name: "n", data: i },
          { name: "n", data: i + 1 },
        ],
      });
      if (random() < 0.01) await room.runtime.evict("r");
    }
    await reading;
    assert(cuts > 5, `${cuts} cuts`);
    assert.deepEqual(
      read,
      Array.from({ length: events }, (_, i) => i + 1),
    );
  });

  test("that stalls needs bounded memory, and catches up when it reads again", async (t) => {
    const settings = { r: { retained_bytes: 256 * 1024 * 1024 } };
    const room = await Room.of(t, { settings });
    const open = () => EventStream.open(`${room.url}/events`, { token });
    const streams = await Promise.all(Array.from({ length: 20 }, open));
    t.after(() => streams.forEach((stream) => stream.drop()));
    await Promise.all(streams.map((stream) => stream.waitForPosition()));
    for (const stream of streams) stream.response.pause();
    const event = { name: "n", data: "x".repeat(64_000) };
    for (let i = 0; i < 160; i++) await room.publish({ events: Array(8).fill(event) });
    // Without a bound, the buffer of each reader would need 82 MB.
    const resident = await room.runtime.residentMb();
    assert(resident < 500, `${resident} MB`);
    const [one, ...others] = streams;
    for (const stream of others) stream.drop();
    one?.response.resume();
    for (let seq = 1; seq <= 1_280; seq++) assert.equal((await one?.nextJson()).seq, seq);
  });

  // Limits: UNREAD_CHARACTERS.
  test("that stalls while signals arrive is closed with 1012, so that it reconnects", async (t) => {
    const room = await Room.of(t, { settings: { r: { publishes_per_second: 100_000 } } });
    const stream = await EventStream.open(`${room.url}/events`, { token });
    t.after(() => stream.drop());
    const start = await stream.waitForPosition();
    stream.response.pause();
    const data = "x".repeat(16_000);
    // A session is sent at most 256 KiB of signals in 50 ms, so the room may refuse a signal.
    const signal = (): Promise<void> =>
      room.signal("typing", data).catch((error: unknown) => {
        if (String(error).includes('"rate_limited"')) return signal();
        throw error;
      });
    for (let i = 0; i < 1_000; i += 20) await Promise.all(Array.from({ length: 20 }, signal));
    stream.response.resume();
    let signals = 0;
    let block = await stream.next();
    for (; block?.event === "signal"; block = await stream.next()) signals += 1;
    assert(
      signals > 50 && signals < 900,
      `${signals} signals, although it read none while they were sent`,
    );
    assert.deepEqual([block?.event, JSON.parse(block?.data ?? "").code], ["closed", 1012]);
    await stream.waitForEnd();
    assert.equal(stream.lastEventId, start);
    await room.waitForSessions(0);
  });

  // If a timer is cleared when the garbage collector drops a canceled request, other requests may
  // wait forever. For this reason, src/edge/timer.rs never clears a timer.
  test("that disconnects before it is answered delays no other request", async (t) => {
    const room = await Room.of(t);
    const since = await room.position();
    await disconnectBeforeAnswer(room);
    // With 100 waiting requests, the garbage collector runs before the requests are answered.
    const pages = Array.from({ length: 100 }, () => room.page(`since=${since}&wait=1`));
    for (const { events } of await Promise.all(pages)) assert.deepEqual(events, []);
  });
});

/**
 * Opens streams one after another, and disconnects them after 0 ms, 1 ms, 2 ms and so on. Ends when
 * a stream is answered before it is disconnected.
 */
async function disconnectBeforeAnswer(room: Room): Promise<void> {
  let afterMs = 0;
  while (!(await isAnswered(room, afterMs))) afterMs += 1;
}

/**
 * Opens a stream, and resets its connection after `afterMs`. Returns whether the answer arrived
 * before the reset.
 */
async function isAnswered(room: Room, afterMs: number): Promise<boolean> {
  const headers = { authorization: `Bearer ${token}`, accept: "text/event-stream" };
  const request = get(`${room.url}/events`, { agent: false, headers });
  request.on("error", () => {}); // The test itself resets the connection.
  let answered = false;
  request.on("response", (response) => {
    response.on("error", () => {});
    answered = true;
  });
  const [socket] = await once(request, "socket");
  await once(socket, "connect");
  await sleep(afterMs);
  socket.resetAndDestroy();
  return answered;
}
