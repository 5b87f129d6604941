/**
 * Attacks of clients without a token. The attacks must not create an object, and must not keep an
 * object active.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { dial } from "../../tests/edge/client.ts";
import { claims, sign } from "../../tests/edge/jwt.ts";
import { Room, tokenOf } from "../../tests/edge/room.ts";
import type { Runtime } from "../../tests/edge/runtime.ts";
import { TEXT, frame } from "../../tests/edge/wire.ts";
import { ATTACKED, type Attack } from "../attack/attack.ts";
import { eventsOf } from "../attack/client.ts";
import { RawSocket } from "../attack/raw-socket.ts";
import { OWN_MB, watchMemory } from "../attack/server.ts";
import { runConcurrently } from "../run-concurrently.ts";

const MiB = 2 ** 20;

/** Name of a room, and the socket limit of that room. */
export const FULL = "full";
export const FULL_AT = 5;

/** Maximum number of waiting sockets in one isolate (docs/limits.md). */
const WAITING = 1_000;
/** Maximum number of sockets that this process has open at the same time: more than `WAITING`. */
const OPEN = 1_500;
/**
 * An idle object hibernates 10 s after the last waiting socket was closed. The additional 3 s allow
 * for a busy machine.
 */
const HIBERNATES_AFTER_MS = 13_000;
/** Memory that the runtime needs for a waiting socket, in MB. */
const SOCKET_MB = 0.15;

/** Time limit for memory to be freed. The runtime frees memory with a delay. */
const FREE_TIMEOUT_MS = 20_000;

const badToken = sign(claims("eve", ["admin"]), "a guess that is at least 32 bytes long");

/**
 * Sends upgrades for rooms that do not exist: without a token, with a bad token, or with a bad
 * first frame.
 */
const upgrades: Attack = async ({ context, runtime }) => {
  const times = context.size(10_000, 400);
  const before = (await runtime.databases()).length;
  const open: RawSocket[] = [];
  const { beforeMb, peakMb } = await watchMemory(runtime, () =>
    runConcurrently(times, 20, async (i) => {
      const headers = i % 5 === 0 ? { authorization: `Bearer ${badToken}` } : undefined;
      const path = i % 7 === 0 ? "/events" : eventsOf(`stranger:${i}`);
      const socket = await RawSocket.open(runtime.url, path, headers);
      open.push(socket);
      // Some sockets send nothing, some send a ping, some send an invalid first frame, and some
      // disconnect immediately.
      if (i % 4 === 1) socket.send('{"type":"ping"}');
      if (i % 4 === 2) socket.send('{"type":"publish","name":"n","data":1}');
      if (i % 4 === 3) open.pop()?.end();
      if (open.length > OPEN) open.shift()?.end();
    }),
  );
  for (const socket of open) socket.end();
  return {
    injected: { "upgrades without a valid token, each to a different room": times },
    observed: {
      "rooms created by upgrades": (await runtime.databases()).length - before,
      "MB more with the sockets of these upgrades": peakMb - beforeMb,
    },
    atMost: {
      "rooms created by upgrades": 0,
      "MB more with the sockets of these upgrades": OWN_MB + OPEN * SOCKET_MB,
    },
  };
};

/**
 * In an existing room and in a full room, opens sockets that the room rejects and that never answer
 * the Close. Both rooms must still hibernate.
 */
const unansweredCloses: Attack = async ({ context, runtime }) => {
  const quiet = new Room(runtime, "quiet");
  const full = new Room(runtime, FULL);
  for (const room of [quiet, full]) await room.publish({ name: "n", data: 1 });
  const token = tokenOf("subscriber", ["subscribe"]);
  const subscribers: RawSocket[] = [];
  const headers = { authorization: `Bearer ${token}` };
  const openSocket = (name: string, headers?: Record<string, string>): Promise<RawSocket> =>
    RawSocket.open(runtime.url, eventsOf(name), headers);
  for (let i = 0; i < FULL_AT; i++) subscribers.push(await openSocket(FULL, headers));
  for (const each of subscribers) await each.until("welcome");

  const each = context.size(100, 10);
  const codes = new Map<number, number>();
  const rejected: RawSocket[] = [];
  const kinds: (() => Promise<RawSocket>)[] = [
    () => openSocket("quiet"), // Sends nothing for 10 s.
    () => openSocket("quiet", { authorization: `Bearer ${badToken}` }),
    async () => {
      const socket = await openSocket("quiet");
      socket.send(JSON.stringify({ type: "auth", token: badToken }));
      return socket;
    },
    () => openSocket(FULL, headers),
    async () => {
      const socket = await openSocket(FULL);
      socket.send(JSON.stringify({ type: "auth", token }));
      return socket;
    },
  ];
  for (const kind of kinds)
    await runConcurrently(each, 20, async () => rejected.push(await kind()));
  for (const socket of rejected) {
    const code = await socket.closed;
    codes.set(code, (codes.get(code) ?? 0) + 1);
  }
  assert.deepEqual(
    [codes.get(4001), codes.get(1013)],
    [3 * each, 2 * each],
    `closed with ${JSON.stringify([...codes])}`,
  );

  const since = await Promise.all([quiet, full].map((room) => room.stats()));
  await sleep(HIBERNATES_AFTER_MS);
  const then = await Promise.all([quiet, full].map((room) => room.stats()));
  const active = then.filter(({ awake_since }, i) => awake_since === since[i]?.awake_since);
  assert.equal(then[1]?.sessions, FULL_AT, "the subscribers are still connected");
  for (const socket of [...rejected, ...subscribers]) socket.end();
  return {
    injected: { "rejected sockets that never answer the Close": rejected.length },
    observed: { "rooms (of 2) kept active by unanswered Closes": active.length },
    atMost: { "rooms (of 2) kept active by unanswered Closes": 0 },
  };
};

/**
 * Opens more waiting sockets for one room than the limit allows. Clients that send a token must
 * still be able to join.
 */
const waitingSockets: Attack = async ({ context, runtime }) => {
  const waiting = Array.from({ length: context.size(3 * WAITING, 300) });
  const sockets: RawSocket[] = [];
  await runConcurrently(waiting.length, 50, async () => {
    sockets.push(await RawSocket.open(runtime.url, eventsOf(ATTACKED)));
  });
  const honest = 100;
  const token = tokenOf("honest", ["subscribe"]);
  let joined = 0;
  await runConcurrently(honest, 10, async () => {
    // During these joins, more sockets without a token arrive.
    sockets.push(await RawSocket.open(runtime.url, eventsOf(ATTACKED)));
    const socket = dial(`${runtime.url}${eventsOf(ATTACKED)}`);
    const first = Promise.race([
      once(socket, "message").then(([text]) => String(text)),
      once(socket, "close").then(([code]) => `closed with ${code}`),
    ]);
    await once(socket, "open");
    socket.send(JSON.stringify({ type: "auth", token }));
    if ((await first).startsWith('{"type":"welcome"')) joined += 1;
    socket.terminate();
  });
  for (const socket of sockets) socket.end();
  return {
    injected: { "sockets without a token that wait in one room": sockets.length },
    observed: {
      "clients with a token in the first frame that joined": joined,
      "clients with a token that were rejected": honest - joined,
    },
    atMost: { "clients with a token that were rejected": 0 },
  };
};

/**
 * Floods the worker over sockets that never send a valid token. The floods are pings, invalid first
 * frames, tokens of 8 kB, and tokens of 1 MiB.
 */
const firstFrames: Attack = async ({ context, runtime }) => {
  const before = (await runtime.databases()).length;
  const times = context.size(300, 20);
  const perSocket = context.size(2_000, 500);
  const publish = frame(TEXT, `{"type":"publish","name":"n","data":"${"x".repeat(1_000)}"}`);
  const auth = frame(TEXT, JSON.stringify({ type: "auth", token: "x".repeat(8_000) }));
  const large = frame(TEXT, JSON.stringify({ type: "auth", token: "x".repeat(MiB - 100) }));
  const floods = [
    Buffer.concat(Array(perSocket).fill(frame(TEXT, '{"type": "ping"}'))),
    Buffer.concat(Array(perSocket).fill(publish)),
    Buffer.concat(Array(Math.ceil(perSocket / 10)).fill(auth)),
    Buffer.concat(Array(3).fill(large)),
  ];
  let frames = 0;
  const { beforeMb, peakMb } = await watchMemory(runtime, () =>
    runConcurrently(times, 10, async (i) => {
      const socket = await RawSocket.open(runtime.url, eventsOf(`flooded:${i}`));
      const flood = floods[i % floods.length] ?? Buffer.alloc(0);
      frames += i % 4 < 2 ? perSocket : i % 4 === 2 ? Math.ceil(perSocket / 10) : 3;
      if (!socket.write(flood)) await socket.drained();
      // A socket that sends only pings is closed when the pings exceed the rate limit. If they
      // don't, it is closed after 10 s.
      if (i % 4 !== 0) assert.notEqual(await socket.closed, 1013);
      socket.end();
    }),
  );
  return {
    injected: { "frames before a token": frames },
    observed: {
      "rooms created by first frames": (await runtime.databases()).length - before,
      "MB more during a flood of first frames": peakMb - beforeMb,
    },
    atMost: {
      "rooms created by first frames": 0,
      "MB more during a flood of first frames": 1.5 * OWN_MB,
    },
  };
};

/**
 * Sends first frames of 30 MiB. The worker must close the sockets, and free the memory of the
 * frames.
 */
const oversizedFrames: Attack = async ({ context, runtime }) => {
  const [bytes, times] = [context.size(30, 16) * MiB, 8];
  const large = frame(TEXT, "x".repeat(bytes));
  const before = (await runtime.databases()).length;
  const { beforeMb, peakMb } = await watchMemory(runtime, () =>
    runConcurrently(times, times, async (i) => {
      const socket = await RawSocket.open(runtime.url, eventsOf(`large:${i}`));
      socket.write(large);
      assert.equal(await socket.closed, 1009);
      socket.end();
    }),
  );
  const afterMb = await freedMb(runtime, beforeMb + OWN_MB);
  return {
    injected: { "oversized first frames": times, "MiB in each of these frames": bytes / MiB },
    observed: {
      "rooms created by oversized frames": (await runtime.databases()).length - before,
      "MB more while oversized frames arrived": peakMb - beforeMb,
      "MB more after oversized frames": afterMb - beforeMb,
    },
    atMost: {
      "rooms created by oversized frames": 0,
      // The runtime buffers a whole frame before the worker receives it.
      "MB more while oversized frames arrived": OWN_MB + (times * bytes) / 1e6,
      "MB more after oversized frames": OWN_MB,
    },
  };
};

/**
 * Waits until the memory is at most `enoughMb`, or until a time limit has passed. Returns the
 * memory at that time, in MB.
 */
async function freedMb(runtime: Runtime, enoughMb: number): Promise<number> {
  const until = Date.now() + FREE_TIMEOUT_MS;
  for (;;) {
    const mb = await runtime.residentMb();
    if (mb <= enoughMb || Date.now() > until) return mb;
    await sleep(200);
  }
}

export const all = { oversizedFrames, firstFrames, upgrades, waitingSockets, unansweredCloses };
