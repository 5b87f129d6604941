/**
 * Tests sockets for one room whose upgrade has no token. Such a socket waits in the worker until
 * the client sends a valid token.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Socket } from "./client.ts";
import { Room, tokenOf } from "./room.ts";
import { Runtime } from "./runtime.ts";
import { RawSocket } from "./raw-socket.ts";

const token = tokenOf("alice", ["subscribe", "publish", "presence"]);
const auth = { type: "auth", token };

describe("a client without a token", () => {
  let runtime: Runtime;
  before(async () => {
    runtime = await Runtime.start();
  });
  after(() => runtime.stop());

  const attempts: Record<string, [what: (object | string | Uint8Array)[], code: number]> = {
    "sends another frame": [[{ type: "publish", name: "n", data: 1 }], 4001],
    "sends bytes": [[new Uint8Array(8)], 4001],
    "sends invalid JSON": [["\u0000"], 4001],
    "sends a bad token": [[{ type: "auth", token: "a.b.c" }], 4001],
    "sends a token that grants nothing here": [
      [{ type: "auth", token: tokenOf("eve", ["publish", "admin"]) }],
      4003,
    ],
    "sends a frame of 2 MiB": [["x".repeat(2 * 1024 * 1024)], 1009],
    "sends 30 MiB of bytes": [[new Uint8Array(30 * 1024 * 1024)], 1009],
    "sends 500 pings at once": [Array(500).fill('{"type": "ping"}'), 4429],
  };
  for (const [what, [frames, code]] of Object.entries(attempts)) {
    test(`that ${what} is closed with ${code} and creates no room`, async () => {
      const socket = await Socket.open(`${runtime.url}/rooms/stranger/events`);
      for (const frame of frames) socket.send(frame);
      assert.equal(await closeCodeOf(socket), code);
      assert.deepEqual(await runtime.databases(), []);
      assert.equal(await runtime.evict("stranger"), false, "its object was never created");
    });
  }

  test("sockets without a token block no client and create no room", async () => {
    const url = `${runtime.url}/rooms/crowd/events`;
    const waiting = await Promise.all(Array.from({ length: 300 }, () => Socket.open(url)));
    assert.deepEqual(await runtime.databases(), []);
    const clients = await Promise.all(Array.from({ length: 20 }, () => Socket.open(url)));
    for (const client of clients) client.send(auth);
    for (const client of clients) assert.equal((await client.next()).type, "welcome");
    for (const socket of [...waiting, ...clients]) socket.drop();
  });

  // Limits: WAITING_CHECK_MS.
  test("that has waited longest is closed when more than 1,000 wait", async () => {
    const url = `${runtime.url}/rooms/thousand/events`;
    const first = await Socket.open(url);
    const others: Socket[] = [];
    while (others.length < 1_000)
      others.push(...(await Promise.all(Array.from({ length: 100 }, () => Socket.open(url)))));
    assert.equal((await first.closed()).code, 1013);
    const last = others.at(-1)!;
    last.send(auth);
    assert.equal((await last.next()).type, "welcome");
    for (const socket of others) socket.drop();
  });
});

test("frames after the token are handled in order, and the query is applied", async (t) => {
  const room = await Room.of(t);
  for (let i = 1; i <= 3; i++) await room.publish({ name: "n", data: i });
  const alice = await Socket.open(`${room.url}/events`, { query: "last=2&flow=1" });
  alice.send(auth);
  for (let i = 4; i <= 5; i++) alice.send({ type: "publish", name: "n", data: i, ref: String(i) });
  assert.equal((await alice.next()).type, "welcome");
  const received: unknown[] = [];
  const acks: string[] = [];
  while (received.length < 4 || acks.length < 2) {
    const frame = await alice.next();
    if (frame.type === "ack") acks.push(frame.ref);
    else received.push(...frame.events.map(({ data }: { data: unknown }) => data));
  }
  assert.deepEqual(
    [received, acks],
    [
      [2, 3, 4, 5],
      ["4", "5"],
    ],
  );
  alice.send({ type: "seen", seq: 5 });
  alice.send({ type: "auth", token });
  assert.equal((await alice.next()).type, "authorized", "the room verifies the next token");
  alice.send(new Uint8Array(3));
  assert.equal((await alice.next()).code, "bad_request");
});

test("a close by the client or by the room is forwarded to the other side", async (t) => {
  const room = await Room.of(t);
  const alice = await Socket.open(`${room.url}/events`);
  alice.send(auth);
  await alice.until("welcome");
  alice.send({ type: "enter" });
  await alice.until("members");
  assert.deepEqual(await room.members(), ["alice"]);
  await room.runtime.evict("r");
  alice.close(1000);
  await alice.closed();
  await room.waitForMembers();
  const again = await Socket.open(`${room.url}/events`);
  again.send(auth);
  await again.until("welcome");
  await room.kick("alice");
  assert.equal((await again.closed()).code, 4010);
  await room.waitForSessions(0);
});

test("a room that rejected a socket can hibernate even if the peer never answers the close", async (t) => {
  const room = await Room.of(t, { settings: { r: { sockets: 1 } } });
  const alice = await Socket.open(`${room.url}/events`, { token });
  await alice.until("welcome");
  const silent = await RawSocket.upgrade(room.runtime, "/rooms/r/events", token);
  t.after(() => silent.destroy());
  assert.equal(await silent.closeCode(), 1013);
  assert.equal(await room.runtime.evict("r"), true);
  assert.equal((await room.stats()).sessions, 1);
});

/** Returns the code with which a socket is closed. Ignores the frames before the close. */
async function closeCodeOf(socket: Socket): Promise<number> {
  for (;;) {
    const next = await socket.frameOrClose();
    if (typeof next !== "string") return next.code;
  }
}
