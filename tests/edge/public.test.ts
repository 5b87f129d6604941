/** Tests clients without a token in public rooms: what they may do, and how they become users. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Connection, type Frame, Socket } from "./client.ts";
import { setUp, subscribe } from "./connection.ts";
import { EventStream } from "./event-stream.ts";
import { Room, tokenOf } from "./room.ts";
import { Runtime, SECRET } from "./runtime.ts";

const APP = "https://app.example.com";
const token = tokenOf("alice", ["subscribe", "publish"]);
const forged = `${token.slice(0, -4)}AAAA`;
const PUBLIC = "public:1";
const PRIVATE = "private";

describe("a client without a token", () => {
  let runtime: Runtime;
  before(async () => {
    runtime = await Runtime.start({
      vars: { JWT_SECRET: SECRET, ALLOWED_ORIGINS: APP },
      publicRooms: ["public:*"],
    });
  });
  after(() => runtime.stop());

  const join = (room: string, how?: Connection): Promise<Socket> =>
    Socket.open(`${runtime.url}/rooms/${room}/events`, how);
  const connect = (): Promise<Socket> => Socket.open(`${runtime.url}/events`);
  const userOf = async (socket: Socket): Promise<unknown> => (await socket.next()).user;

  const forbidden: Record<string, object> = {
    publishes: { type: "publish", name: "n", data: 1, ref: "1" },
    signals: { type: "signal", name: "n", data: 1 },
    enters: { type: "enter", data: 1 },
    leaves: { type: "leave" },
    "requests the members": { type: "members" },
  };
  for (const [what, frame] of Object.entries(forbidden)) {
    test(`that ${what} is refused, on a socket and on a connection`, async () => {
      const socket = await join(PUBLIC);
      assert.equal(await userOf(socket), null);
      const connection = await connect();
      assert.equal(await userOf(connection), null);
      await subscribe(connection, PUBLIC);
      socket.send(frame);
      connection.send({ ...frame, room: PUBLIC });
      for (const client of [socket, connection]) {
        const { type, code, message } = await client.next();
        assert.deepEqual([type, code], ["error", "forbidden"]);
        assert.match(message, /^a token that grants (publish|presence) in this room is required$/);
        client.drop();
      }
    });
  }

  test("that sends the frames of a bridge stays anonymous", async () => {
    const identity = { user: "alice", grant: ["subscribe", "publish"], expires_at: 9e12 };
    const socket = await join(PUBLIC);
    const connection = await connect();
    assert.deepEqual([await userOf(socket), await userOf(connection)], [null, null]);
    await subscribe(connection, PUBLIC);
    for (const client of [socket, connection]) {
      client.send(Buffer.from(JSON.stringify(identity)));
      assert.equal((await client.next()).code, "bad_request");
      client.send({ type: "publish", room: PUBLIC, name: "n", data: 1, ref: "1" });
      assert.equal((await client.next()).code, "forbidden");
      client.drop();
    }
  });

  test("that subscribes to a room that is not public is refused and loads no room", async () => {
    const connection = await connect();
    await connection.until("connected");
    const frames: [object, type: string, code: unknown][] = [
      [{ type: "subscribe", room: PRIVATE }, "closed", 4003],
      [{ type: "subscribe", room: "public" }, "closed", 4003],
      [{ type: "publish", room: PRIVATE, name: "n", data: 1, ref: "1" }, "error", "bad_request"],
      [{ type: "auth", room: PUBLIC }, "error", "bad_request"],
    ];
    for (const [frame, type, code] of frames) {
      connection.send(frame);
      const answer = await connection.next();
      assert.deepEqual([answer.type, answer.code], [type, code], JSON.stringify(frame));
    }
    connection.send({ type: "subscribe", room: PUBLIC });
    assert.equal((await connection.next()).type, "welcome", "the connection continues");
    connection.drop();
    const waiting = await join(PRIVATE);
    waiting.send({ type: "seen", seq: 1 });
    assert.equal((await waiting.closed()).code, 4001);
    const stream = await EventStream.open(`${runtime.url}/rooms/${PRIVATE}/events`);
    assert.equal(stream.status, 401);
    assert.equal(await runtime.evict(PRIVATE), false, "the room was never in memory");
  });

  test("that sends an invalid token to a public room is refused and loads no room", async () => {
    const room = "public:forged";
    const sources: Connection[] = [
      { token: forged },
      { query: `token=${forged}` },
      { query: "token=" },
      { headers: { origin: APP, cookie: `roomcast_token=${forged}` } },
      { offers: ["roomcast.v1", `bearer.${forged}`] },
    ];
    for (const how of sources) {
      assert.equal((await (await join(room, how)).closed()).code, 4001);
      const connection = await Socket.open(`${runtime.url}/events`, how);
      assert.equal((await connection.closed()).code, 4001);
    }
    const url = `${runtime.url}/rooms/${room}/events`;
    const stream = await EventStream.open(url, { token: forged });
    assert.equal(stream.status, 401);
    const headers = { authorization: `Bearer ${forged}` };
    assert.equal((await fetch(url, { headers })).status, 401);
    assert.equal(await runtime.evict(room), false, "the room was never in memory");
  });

  test("whose cookie comes from a foreign origin is anonymous", async () => {
    const cookie = `roomcast_token=${token}`;
    const origins: [origin: string | undefined, user: string | null][] = [
      [APP, "alice"],
      ["https://evil.example.com", null],
      ["null", null],
      [undefined, null],
    ];
    for (const [origin, user] of origins) {
      const headers = origin === undefined ? { cookie } : { origin, cookie };
      const sockets = [
        await join(PUBLIC, { headers }),
        await Socket.open(`${runtime.url}/events`, { headers }),
      ];
      for (const socket of sockets) {
        assert.equal(await userOf(socket), user, origin);
        socket.drop();
      }
    }
  });

  test("gets 401 for every request that a public room does not allow", async () => {
    const requests = [
      ["POST", `/rooms/${PUBLIC}/events`],
      ["POST", `/rooms/${PUBLIC}/signals`],
      ["GET", `/rooms/${PUBLIC}/members`],
      ["DELETE", `/rooms/${PUBLIC}/members?user=alice`],
      ["DELETE", `/rooms/${PUBLIC}`],
      ["POST", "/events"],
    ] as const;
    for (const [method, path] of requests) {
      const body = method === "POST" ? '{"name":"n","data":1}' : null;
      const answer = await fetch(runtime.url + path, { method, body });
      assert.equal(answer.status, 401, `${method} ${path}`);
    }
  });

  test("reads a public room as a stream and by long polling, but can't enter", async () => {
    const room = new Room(runtime, "public:read");
    const stream = await EventStream.open(`${room.url}/events`);
    assert.equal(stream.status, 200);
    const since = await stream.waitForPosition();
    const polled = fetch(`${room.url}/events?since=${since}&wait=30`);
    // The poll and the stream each have a session.
    await room.waitForSessions(2);
    await room.publish({ name: "n", data: 7 });
    assert.equal((await stream.nextJson()).data, 7);
    const page = (await (await polled).json()) as { events: { data: number }[] };
    assert.deepEqual(
      page.events.map(({ data }) => data),
      [7],
    );
    stream.drop();
    const entering = await EventStream.open(`${room.url}/events`, { query: "enter=1" });
    await entering.waitForEnd();
    assert.equal(entering.status, 401);
    assert.equal(entering.errorBody.error.code, "unauthorized");
  });

  // Limits: WAITING_SOCKETS.
  test("that only connects is closed when 1,000 others wait, but a subscriber is not", async () => {
    const reader = await connect();
    await reader.until("connected");
    await subscribe(reader, PUBLIC);
    const idle = await connect();
    await idle.until("connected");
    const others: Socket[] = [];
    while (others.length < 1_000)
      others.push(...(await Promise.all(Array.from({ length: 100 }, connect))));
    assert.equal((await idle.closed()).code, 1013);
    reader.send('{"type":"ping"}');
    assert.equal((await reader.next()).type, "pong");
    for (const socket of [reader, ...others]) socket.drop();
  });
});

test("an anonymous connection is closed 10 s after its last subscription has ended", async (t) => {
  const { runtime } = await setUp(t, { publicRooms: ["r"] });
  const connection = await Socket.open(`${runtime.url}/events`);
  await connection.until("connected");
  await subscribe(connection, "r");
  const startedAt = Date.now();
  connection.send({ type: "unsubscribe", room: "r" });
  assert.equal((await connection.next()).code, 1000);
  assert.equal((await connection.closed()).code, 4001);
  assert(Date.now() - startedAt >= 10_000);
});

test("an anonymous session becomes a user's at any moment, even between hibernations", async (t) => {
  const room = await Room.of(t, {
    publicRooms: ["r"],
    settings: { "*": { frame_window_ms: 0 }, r: { anonymous_sessions: 1 } },
  });
  const open = (): Promise<Socket> => Socket.open(`${room.url}/events`);
  const socket = await open();
  assert.equal((await socket.next()).user, null);
  await room.runtime.evict("r");
  assert.equal((await (await open()).closed()).code, 1013, "the one place is taken");
  const alice = await Socket.open(`${room.url}/events`, { token });
  assert.equal((await alice.next()).user, "alice");
  await room.runtime.evict("r");

  socket.send({ type: "auth", token: tokenOf("bob", ["subscribe", "publish"]) });
  socket.send({ type: "publish", name: "n", data: 1, ref: "1" });
  const { type, user, grant } = await socket.next();
  assert.deepEqual([type, user, grant], ["authorized", "bob", ["subscribe", "publish"]]);
  assert.equal((await alice.next()).events[0].from, "bob");
  await room.runtime.evict("r");
  const next = await open();
  assert.equal((await next.next()).user, null, "the place is free again");
  await room.runtime.evict("r");

  assert.deepEqual([await typeOf(socket), await typeOf(socket)].sort(), ["ack", "events"]);
  socket.send({ type: "auth", token });
  assert.equal((await socket.closed()).code, 4001, "a session can't change its user");
  await room.kick("alice");
  next.send('{"type": "ping"}');
  assert.equal(await typeOf(next), "pong", "a kick closes no anonymous session");
});

test("a user who signs in on a connection has the token's rights in all rooms", async (t) => {
  const { runtime, room } = await setUp(t, { publicRooms: ["public:*"] });
  const connection = await Socket.open(`${runtime.url}/events`);
  const connected = await connection.next();
  assert.deepEqual(connected, { type: "connected", user: null, expires_at: null, ping_ms: 25_000 });
  await subscribe(connection, "public:a");
  await subscribe(connection, "public:b");
  await runtime.evict("public:a");
  connection.send({ type: "auth", token });
  connection.send({ type: "publish", room: "public:a", name: "n", data: 1, ref: "1" });
  connection.send({ type: "subscribe", room: PRIVATE });
  const frames: Frame[] = [];
  while (frames.length < 6) frames.push(await connection.next());
  const authorized = frames.filter(({ type }) => type === "authorized");
  assert.deepEqual(
    new Map(authorized.map(({ room, user }) => [room, user])),
    new Map([undefined, "public:a", "public:b"].map((room) => [room, "alice"])),
  );
  assert.equal(frames.find(({ type }) => type === "welcome")?.user, "alice");
  assert.equal((await room("public:a").page("last=1")).events[0].from, "alice");
});

test("an invalid pattern in PUBLIC_ROOMS is named in the log", async (t) => {
  const room = await Room.of(t, { publicRooms: ["scores", "public*"] });
  assert.equal((await fetch(`${room.runtime.url}/healthz`)).status, 500);
  await room.runtime.waitForLog('PUBLIC_ROOMS: \\"public*\\" must be a room\'s name', 1, 30_000);
});

async function typeOf(socket: Socket): Promise<string> {
  return (await socket.next()).type;
}
