/**
 * Tests what a reader that stalls is sent although flow control does not count it: signals, and the
 * answers of the worker. So the room and the worker query how many bytes the runtime has not yet
 * written to a socket. The simulator counts unwritten bytes itself. These tests show that the real
 * runtime reports their number.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type Socket as TcpSocket, connect } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Socket } from "./client.ts";
import { claims, sign } from "./jwt.ts";
import { Room } from "./room.ts";
import { SECRET } from "./runtime.ts";
import { registerSecret } from "./secrets.ts";
import { TEXT, UPGRADE, frame, request } from "./wire.ts";

const RATES = { "*": { frames_per_second: 100_000, frames_burst: 100_000 } };
const NAMES = 16;
const SIGNAL_BYTES = 16_000;
const SENT_BYTES = 15e6;
const EVENT_BYTES = 250_000;
/** Number of subscriptions of a client that subscribes again and again. */
const SUBSCRIPTIONS = 400;
/** A client may subscribe and unsubscribe 50 times a second. */
const CHANGE_EVERY_MS = 22;
/** The windows of 100 rooms. */
const MAX_SUBSCRIBED_BYTES = 26.3e6;
/**
 * Maximum number of buffered bytes: the limit of the room and of the worker, plus the buffers of the
 * runtime and the kernel.
 */
const MAX_BYTES = 1e6 + 8e6;

const token = (user: string): string => sign(claims(user, ["subscribe", "publish"]), SECRET);

test("signals to a stalled reader are bounded, and resume when it reads again", async (t) => {
  const room = await Room.of(t, { settings: RATES });
  const carol = await joinAndStall(room, "/rooms/r/events");
  t.after(() => carol.destroy());
  const alice = await sendSignals(room);
  await assert.rejects(room.runtime.evict("r"), "unwritten frames keep the room in memory");
  await assertBounded(carol);
  assert.equal(await room.runtime.evict("r"), true);
  await assertReadsAgain(carol, alice);
});

test("signals to a stalled connection for many rooms are bounded too", async (t) => {
  const room = await Room.of(t, { settings: RATES });
  const carol = await joinAndStall(room, "/events", '{"type":"subscribe","room":"r"}');
  t.after(() => carol.destroy());
  const alice = await sendSignals(room);
  await assertBounded(carol);
  await assertReadsAgain(carol, alice);
});

const APPS = JSON.stringify([
  {
    id: "1",
    key: "key",
    secret: registerSecret("the app secret of the tests, of more than 32 bytes"),
  },
]);

for (const { client, path, subscribe, unsubscribe, code } of [
  {
    client: "a connection for many rooms",
    path: "/events",
    subscribe: (room: string) => ({ type: "subscribe", room, last: 1 }),
    unsubscribe: (room: string) => ({ type: "unsubscribe", room }),
    code: 1012,
  },
  {
    client: "a Pusher client",
    path: "/app/key?protocol=7",
    subscribe: (channel: string) => ({ event: "pusher:subscribe", data: { channel } }),
    unsubscribe: (channel: string) => ({ event: "pusher:unsubscribe", data: { channel } }),
    code: 4100,
  },
])
  test(`${client} that subscribes again and again without reading is closed`, async (t) => {
    const vars = { JWT_SECRET: SECRET, PUSHER_APPS: APPS };
    const room = await Room.of(t, { vars, settings: { "*": { reads_per_second: 10_000 } } });
    const large = new Room(room.runtime, "cache-large");
    await large.publish({ name: "n", data: "x".repeat(EVENT_BYTES) });
    const carol = await joinAndStall(room, path, JSON.stringify(subscribe("r")));
    t.after(() => carol.destroy());
    let last: Buffer = Buffer.alloc(0);
    carol.on("data", (chunk: Buffer) => (last = chunk));
    let sessions = 1;
    for (let times = 0; sessions > 0 && times < SUBSCRIPTIONS; times++) {
      for (const sent of [subscribe("cache-large"), unsubscribe("cache-large")]) {
        carol.write(frame(TEXT, JSON.stringify(sent)));
        await sleep(CHANGE_EVERY_MS);
      }
      ({ sessions } = await room.stats());
    }
    assert.equal(sessions, 0, "the socket is still open");
    await assertBounded(carol, MAX_SUBSCRIBED_BYTES + MAX_BYTES);
    const codeBytes = Buffer.from([code >> 8, code & 255]);
    assert(last.includes(codeBytes), `no close with ${code}: ${last.subarray(-100)}`);
  });

/** Sends more signals than a stalled reader may have unread. Returns one of the senders. */
async function sendSignals(room: Room): Promise<Socket> {
  const alice = await Socket.open(`${room.url}/events`, { token: token("alice") });
  // Alice and dave send in turns, because a single socket would exceed its rate limit.
  const dave = await Socket.open(`${room.url}/events`, { token: token("dave") });
  const bob = await Socket.open(`${room.url}/events`, { token: token("bob") });
  let sent = 0;
  for (let round = 0; sent < SENT_BYTES; round++) {
    for (let name = 0; name < NAMES; name++) {
      const data = `${round} ${"x".repeat(SIGNAL_BYTES)}`;
      (round % 2 ? dave : alice).send({ type: "signal", name: `n${name}`, data });
    }
    // Bob receives all signals of a round before the next round starts, so the room never sends
    // signals of two rounds in one window.
    for (let name = 0; name < NAMES; name++) {
      const signal = await bob.until("signal");
      assert.equal(
        signal.data.split(" ")[0],
        String(round),
        "a reader that reads receives every signal",
      );
      sent += bob.text.length;
    }
  }
  return alice;
}

async function assertBounded(carol: TcpSocket, maxBytes = MAX_BYTES): Promise<void> {
  carol.resume();
  for (let before = -1; before !== carol.bytesRead; await sleep(500)) before = carol.bytesRead;
  assert(carol.bytesRead < maxBytes, `${carol.bytesRead} bytes were buffered`);
}

async function assertReadsAgain(carol: TcpSocket, alice: Socket): Promise<void> {
  const received = once(carol, "data");
  alice.send({ type: "signal", name: "n", data: "she reads again" });
  assert.match(String(await received), /she reads again/);
}

/** Opens a socket, sends a frame if there is one, waits for its session, and stops reading. */
async function joinAndStall(room: Room, path: string, first?: string): Promise<TcpSocket> {
  const { hostname, port } = new URL(room.url);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => {});
  const headers = { ...UPGRADE, authorization: `Bearer ${token("carol")}` };
  socket.write(request(Number(port), { path, headers }));
  await once(socket, "data");
  if (first !== undefined) socket.write(frame(TEXT, first));
  await room.waitForSessions(1);
  socket.pause();
  return socket;
}
