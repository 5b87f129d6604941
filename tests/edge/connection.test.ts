import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Socket } from "./client.ts";
import { setUp, subscribe, token } from "./connection.ts";
import { seconds } from "./jwt.ts";
import { tokenOf } from "./room.ts";

describe("a connection for many rooms", { concurrency: true }, () => {
  test("starts with a `connected` frame that names no room", async (t) => {
    const { runtime } = await setUp(t);
    const socket = await Socket.open(`${runtime.url}/events`, { token });
    assert.equal(socket.protocol, "roomcast.v1");
    const { expires_at, ...connected } = await socket.next();
    assert.deepEqual(connected, { type: "connected", user: "alice", ping_ms: 25_000 });
    assert(expires_at > Date.now() + 3_500_000);
    socket.send({ type: "ping" });
    assert.deepEqual(await socket.next(), { type: "pong" });
  });

  test("accepts a token in its first frame, and loads no room without one", async (t) => {
    const { runtime } = await setUp(t);
    const socket = await Socket.open(`${runtime.url}/events`);
    socket.send({ type: "ping" });
    assert.deepEqual(await socket.next(), { type: "pong" });
    socket.send({ type: "auth", token });
    socket.send({ type: "subscribe", room: "r" });
    assert.equal((await socket.next()).type, "connected");
    assert.equal((await socket.next()).type, "welcome");
    for (const frame of [
      { type: "auth", token: "a.b.c" },
      { type: "subscribe", room: "s" },
      "what?",
    ]) {
      const stranger = await Socket.open(`${runtime.url}/events`);
      stranger.send(frame);
      assert.equal((await stranger.closed()).code, 4001, JSON.stringify(frame));
    }
    assert.equal(await runtime.evict("s"), false);
  });

  test("without a token is closed after ten seconds", async (t) => {
    const { runtime } = await setUp(t);
    const since = Date.now();
    const socket = await Socket.open(`${runtime.url}/events`);
    assert.equal((await socket.closed()).code, 4001);
    assert(Date.now() - since > 9_900);
  });

  test("with a bad token is accepted like every upgrade, and then closed with a code", async (t) => {
    const { runtime } = await setUp(t);
    const socket = await Socket.open(`${runtime.url}/events`, { token: "a.b.c" });
    assert.equal((await socket.closed()).code, 4001);
  });

  test("forwards a room's frames byte for byte", async (t) => {
    const { room, connect } = await setUp(t);
    const socket = await connect();
    await subscribe(socket, "r");
    await room("r").publish('{"name":"n","data":{ "n" : 1.0, "s" : "\\u00e9" },"key":"k"}');
    const events = await socket.next();
    assert.deepEqual([events.type, events.room, events.prev], ["events", "r", 0]);
    assert(socket.text.includes('"data":{ "n" : 1.0, "s" : "\\u00e9" }'), socket.text);
    await room("r").signal("typing", 1);
    assert.deepEqual(await socket.next(), {
      type: "signal",
      room: "r",
      name: "typing",
      data: 1,
      from: "backend",
    });
  });

  test("starts in a room at the position that the `subscribe` frame gives", async (t) => {
    const { room, connect } = await setUp(t);
    const [a, b, c, d] = [room("a"), room("b"), room("c"), room("d")];
    for (const each of [a, b, c, d])
      for (const data of [1, 2, 3]) await each.publish({ name: "n", data, key: "k" });
    const socket = await connect();
    const { epoch } = await a.stats();
    assert.equal((await subscribe(socket, "a", { since: `${epoch}:1` })).recovered, true);
    assert.deepEqual(
      (await socket.next()).events.map(({ seq }: any) => seq),
      [2, 3],
    );
    await subscribe(socket, "b", { last: 1 });
    assert.deepEqual(
      (await socket.next()).events.map(({ seq }: any) => seq),
      [3],
    );
    await subscribe(socket, "c", { since: `${epoch}:1` });
    assert.equal((await socket.next()).type, "gap");
    assert.equal((await socket.next()).type, "state");
    await subscribe(socket, "d", { state: false });
    socket.send({ type: "ping" });
    assert.equal((await socket.next()).type, "pong");
  });

  test("handles a room's frames in order, also after it unsubscribes and subscribes again", async (t) => {
    const { connect } = await setUp(t);
    const socket = await connect();
    for (let round = 0; round < 5; round++) {
      socket.send({ type: "subscribe", room: "r" });
      for (let i = 0; i < 9; i++)
        socket.send({ type: "publish", room: "r", ref: `${round} ${i}`, name: "n", data: i });
      socket.send({ type: "unsubscribe", room: "r" });
    }
    for (let round = 0; round < 5; round++) {
      assert.equal((await socket.next()).type, "welcome");
      const refs: string[] = [];
      for (let frame = await socket.next(); ; frame = await socket.next()) {
        if (frame.type === "ack") refs.push(frame.ref);
        else if (frame.type !== "events") {
          assert.deepEqual(frame, { type: "closed", room: "r", code: 1000 });
          break;
        }
      }
      assert.deepEqual(
        refs,
        Array.from({ length: 9 }, (_, i) => `${round} ${i}`),
      );
    }
  });

  test("receives `closed` for a room that ends its subscription, and its other subscriptions remain", async (t) => {
    const { room, connect } = await setUp(t, { settings: { full: { sockets: 1 } } });
    const other = await connect();
    await subscribe(other, "full");
    const socket = await connect(
      tokenOf("alice", [], {
        rooms: {
          full: ["subscribe"],
          kicks: ["subscribe"],
          ends: ["subscribe"],
          stays: ["subscribe"],
        },
      }),
    );
    for (const name of ["kicks", "ends", "stays"]) await subscribe(socket, name);
    const isClosed = async (name: string, code: number): Promise<void> => {
      const { reason, ...closed } = await socket.next();
      assert.deepEqual(closed, { type: "closed", room: name, code });
      assert.equal(typeof reason, "string");
    };
    socket.send({ type: "subscribe", room: "refused" });
    await isClosed("refused", 4003);
    socket.send({ type: "subscribe", room: "full" });
    await isClosed("full", 1013);
    await room("kicks").kick("alice");
    await isClosed("kicks", 4010);
    await room("ends").erase();
    await isClosed("ends", 4011);
    await room("stays").publish({ name: "n", data: 1 });
    assert.equal((await socket.next()).room, "stays");
    // The client may subscribe again to a room that was closed.
    assert.equal((await subscribe(socket, "ends")).seq, 0);
    await room("full").waitForSessions(1);
  });

  test("answers an invalid frame with an error that names the room", async (t) => {
    const { connect } = await setUp(t);
    const socket = await connect();
    await subscribe(socket, "r");
    const errors: [object | string | Uint8Array, object][] = [
      [{ type: "subscribe", room: "r" }, { room: "r" }],
      [
        { type: "publish", room: "s", ref: "7", name: "n", data: 1 },
        { room: "s", ref: "7" },
      ],
      [{ type: "unsubscribe", room: "s" }, { room: "s" }],
      [{ type: "subscribe", room: "s", since: "41" }, { room: "s" }],
      [{ type: "subscribe", room: "a::b" }, { room: "a::b" }],
      [{ type: "publish", name: "n", data: 1 }, {}],
      ["what?", {}],
      [Buffer.from("{}"), {}],
      // A copy of the binary frame in which the worker sends an identity to a room.
      [
        Buffer.from(
          JSON.stringify({ user: "alice", grant: ["admin"], expires_at: Date.now() * 2 }),
        ),
        {},
      ],
    ];
    for (const [frame, about] of errors) {
      socket.send(frame);
      const { message, ...error } = await socket.next();
      assert.equal(typeof message, "string");
      assert.deepEqual(error, { type: "error", code: "bad_request", ...about });
    }
    // The room itself validates the frames that are forwarded to it.
    socket.send({ type: "publish", room: "r", ref: "8", name: "", data: 1 });
    const { room: name, ref, code } = await socket.next();
    assert.deepEqual([name, ref, code], ["r", "8", "bad_request"]);
    for (let i = 0; i < 20; i++) socket.send("what?");
    for (let i = 0; i < 20; i++) assert.equal((await socket.next()).type, "error");
    assert.equal((await socket.closed()).code, 4400);
  });

  test("has its own rate limit, which does not count frames that are forwarded to a room", async (t) => {
    const { connect } = await setUp(t);
    const socket = await connect();
    await subscribe(socket, "r");
    for (let i = 0; i < 150; i++) socket.send({ type: "unsubscribe", room: "nowhere" });
    const codes: string[] = [];
    for (let i = 0; i < 19; i++) codes.push((await socket.next()).code);
    assert.deepEqual(new Set(codes), new Set(["bad_request"]));
    // Twenty consecutive bad frames close the connection before its rate limit is reached.
    assert.equal((await socket.next()).code, "bad_request");
    assert.equal((await socket.closed()).code, 4400);

    const other = await connect();
    // The 600 frames exceed the rate limit even if the machine sends them slowly.
    for (let i = 0; i < 300; i++) {
      other.send({ type: "subscribe", room: "r" });
      other.send({ type: "unsubscribe", room: "r" });
    }
    const limited = await other.until("error");
    assert.equal(limited.code, "rate_limited");
    assert(limited.retry_after_ms > 0);
  });
});

describe("a connection's token", { concurrency: true }, () => {
  test("is renewed for all its rooms, and a room that the new token does not grant is closed", async (t) => {
    const { room, connect } = await setUp(t);
    const socket = await connect();
    for (const name of ["a", "b", "c"]) await subscribe(socket, name);
    const rooms = { a: ["subscribe"], b: ["subscribe", "publish"], d: ["subscribe"] };
    const next = tokenOf("alice", [], { rooms, exp: seconds(7_200) });
    socket.send({ type: "auth", token: next });
    socket.send({ type: "publish", room: "a", ref: "1", name: "n", data: 1 });
    socket.send({ type: "publish", room: "b", ref: "2", name: "n", data: 1 });
    const own = await socket.next();
    assert.deepEqual(Object.keys(own).sort(), ["expires_at", "type"]);
    assert.equal(own.type, "authorized");
    assert(own.expires_at > Date.now() + 7_000_000);
    const received: Record<string, string[]> = { a: [], b: [], c: [] };
    for (let i = 0; i < 6; i++) {
      const frame = await socket.next();
      received[frame.room]?.push(frame.type === "error" ? frame.code : frame.type);
      if (frame.type === "authorized" && frame.room === "a")
        assert.deepEqual(frame.grant, ["subscribe"]);
      if (frame.type === "closed") assert.equal(frame.code, 4003);
    }
    assert.deepEqual(received, {
      a: ["authorized", "forbidden"],
      b: ["authorized", "events", "ack"],
      c: ["closed"],
    });
    await subscribe(socket, "d");
    await room("c").waitForSessions(0);
  });

  test("that is invalid or for another user closes the connection", async (t) => {
    const { room, connect } = await setUp(t);
    for (const bad of [tokenOf("bob", ["subscribe"]), "a.b.c"]) {
      const socket = await connect();
      await subscribe(socket, "r");
      socket.send({ type: "auth", token: bad });
      assert.equal((await socket.closed()).code, 4001);
    }
    await room("r").waitForSessions(0);
  });

  test("that expires closes the connection and its sessions in all rooms", async (t) => {
    const { room, connect } = await setUp(t);
    // With the leeway of 30 s, this token expires in eight seconds.
    const socket = await connect(tokenOf("alice", ["subscribe"], { exp: seconds(-22) }));
    for (const name of ["a", "b", "c"]) await subscribe(socket, name);
    await room("a").runtime.evict("a");
    assert.equal((await socket.closed()).code, 4001);
    for (const name of ["a", "b", "c"]) await room(name).waitForSessions(0);
  });

  test("can be renewed before it expires, also for hibernating rooms", async (t) => {
    const { room, runtime, connect } = await setUp(t);
    const socket = await connect(tokenOf("alice", ["subscribe"], { exp: seconds(-22) }));
    await subscribe(socket, "r");
    await runtime.evict("r");
    socket.send({ type: "auth", token });
    await socket.until("authorized", ({ room }) => room === "r");
    await sleep(9_000);
    await room("r").publish({ name: "n", data: 1 });
    assert.equal((await socket.next()).type, "events");
  });
});
