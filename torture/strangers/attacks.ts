/** What clients without a token do. None of it may make an object, or keep one awake. */
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

/** A room that takes no more sockets than this. */
export const FULL = "full";
export const FULL_AT = 5;

/** Waiting sockets that one isolate takes, or a little more: docs/limits.md. */
const WAITING = 1_000;
/** Sockets that this process holds open at a time: a little more than an isolate takes. */
const HELD = 1_500;
/** A waiting socket is closed after 10 s; an object that is idle sleeps after 10 s more. */
const ASLEEP_AFTER_MS = 13_000;
/** What a waiting socket costs the runtime. */
const SOCKET_MB = 0.15;

/** The runtime collects what nobody needs when it likes. */
const PATIENCE_MS = 20_000;

const badToken = sign(claims("eve", ["admin"]), "a guess that is at least 32 bytes long");

/** Upgrades to rooms that never were: without a token, with a bad one, with a bad first frame. */
const upgrades: Attack = async ({ context, runtime }) => {
  const times = context.size(10_000, 400);
  const before = (await runtime.databases()).length;
  const held: RawSocket[] = [];
  const { beforeMb, mostMb } = await watchMemory(runtime, () =>
    runConcurrently(times, 20, async (i) => {
      const headers = i % 5 === 0 ? { authorization: `Bearer ${badToken}` } : undefined;
      const path = i % 7 === 0 ? "/events" : eventsOf(`stranger:${i}`);
      const socket = await RawSocket.open(runtime.url, path, headers);
      held.push(socket);
      // Some say nothing, some ping, some say what may not come first, some go at once.
      if (i % 4 === 1) socket.send('{"type":"ping"}');
      if (i % 4 === 2) socket.send('{"type":"publish","name":"n","data":1}');
      if (i % 4 === 3) held.pop()?.end();
      if (held.length > HELD) held.shift()?.end();
    }),
  );
  for (const socket of held) socket.end();
  return {
    injected: { "upgrades without a valid token, each to a different room": times },
    observed: {
      "rooms created by upgrades": (await runtime.databases()).length - before,
      "MB more with the sockets of these upgrades": mostMb - beforeMb,
    },
    atMost: {
      "rooms created by upgrades": 0,
      "MB more with the sockets of these upgrades": OWN_MB + HELD * SOCKET_MB,
    },
  };
};

/**
 * Sockets that are refused and never answer the Close, in a room that exists and in one that is
 * full: both rooms sleep as if nobody had come.
 */
const unansweredCloses: Attack = async ({ context, runtime }) => {
  const quiet = new Room(runtime, "quiet");
  const full = new Room(runtime, FULL);
  for (const room of [quiet, full]) await room.publish({ name: "n", data: 1 });
  const token = tokenOf("friend", ["subscribe"]);
  const friends: RawSocket[] = [];
  const friend = { authorization: `Bearer ${token}` };
  const open = (name: string, headers?: Record<string, string>): Promise<RawSocket> =>
    RawSocket.open(runtime.url, eventsOf(name), headers);
  for (let i = 0; i < FULL_AT; i++) friends.push(await open(FULL, friend));
  for (const each of friends) await each.until("welcome");

  const each = context.size(100, 10);
  const codes = new Map<number, number>();
  const refused: RawSocket[] = [];
  const kinds: (() => Promise<RawSocket>)[] = [
    () => open("quiet"), // says nothing for 10 s
    () => open("quiet", { authorization: `Bearer ${badToken}` }),
    async () => {
      const socket = await open("quiet");
      socket.send(JSON.stringify({ type: "auth", token: badToken }));
      return socket;
    },
    () => open(FULL, friend),
    async () => {
      const socket = await open(FULL);
      socket.send(JSON.stringify({ type: "auth", token }));
      return socket;
    },
  ];
  for (const kind of kinds) await runConcurrently(each, 20, async () => refused.push(await kind()));
  for (const socket of refused) {
    const code = await socket.closed;
    codes.set(code, (codes.get(code) ?? 0) + 1);
  }
  assert.deepEqual(
    [codes.get(4001), codes.get(1013)],
    [3 * each, 2 * each],
    `closed with ${JSON.stringify([...codes])}`,
  );

  const since = await Promise.all([quiet, full].map((room) => room.figures()));
  await sleep(ASLEEP_AFTER_MS);
  const then = await Promise.all([quiet, full].map((room) => room.figures()));
  const awake = then.filter(({ awake_since }, i) => awake_since === since[i]?.awake_since);
  assert.equal(then[1]?.sessions, FULL_AT, "the friends stayed");
  for (const socket of [...refused, ...friends]) socket.end();
  return {
    injected: { "rejected sockets that never answer the Close": refused.length },
    observed: { "of two rooms kept active by unanswered Closes": awake.length },
    atMost: { "of two rooms kept active by unanswered Closes": 0 },
  };
};

/** More sockets wait at one room than an isolate takes; those who bring a token get in. */
const crowdAtTheDoor: Attack = async ({ context, runtime }) => {
  const waiting = Array.from({ length: context.size(3 * WAITING, 300) });
  const sockets: RawSocket[] = [];
  await runConcurrently(waiting.length, 50, async () => {
    sockets.push(await RawSocket.open(runtime.url, eventsOf(ATTACKED)));
  });
  const honest = 100;
  const token = tokenOf("honest", ["subscribe"]);
  let entered = 0;
  await runConcurrently(honest, 10, async () => {
    // While more strangers come.
    sockets.push(await RawSocket.open(runtime.url, eventsOf(ATTACKED)));
    const socket = dial(`${runtime.url}${eventsOf(ATTACKED)}`);
    const first = Promise.race([
      once(socket, "message").then(([text]) => String(text)),
      once(socket, "close").then(([code]) => `closed with ${code}`),
    ]);
    await once(socket, "open");
    socket.send(JSON.stringify({ type: "auth", token }));
    if ((await first).startsWith('{"type":"welcome"')) entered += 1;
    socket.terminate();
  });
  for (const socket of sockets) socket.end();
  return {
    injected: { "sockets without a token that wait in one room": sockets.length },
    observed: {
      "clients with a token in the first frame that joined": entered,
      "such clients that were rejected": honest - entered,
    },
    atMost: { "such clients that were rejected": 0 },
  };
};

/** Floods before any token: pings, what may not come first, and tokens of 8 KiB. */
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
  const { beforeMb, mostMb } = await watchMemory(runtime, () =>
    runConcurrently(times, 10, async (i) => {
      const socket = await RawSocket.open(runtime.url, eventsOf(`flooded:${i}`));
      const flood = floods[i % floods.length] ?? Buffer.alloc(0);
      frames += i % 4 < 2 ? perSocket : i % 4 === 2 ? Math.ceil(perSocket / 10) : 3;
      if (!socket.write(flood)) await socket.drained();
      // Pings alone are refused for their number, or when the 10 s are over.
      if (i % 4 !== 0) assert.notEqual(await socket.closed, 1013);
      socket.end();
    }),
  );
  return {
    injected: { "frames before a token": frames },
    observed: {
      "rooms created by first frames": (await runtime.databases()).length - before,
      "MB more during a flood of first frames": mostMb - beforeMb,
    },
    atMost: {
      "rooms created by first frames": 0,
      "MB more during a flood of first frames": 1.5 * OWN_MB,
    },
  };
};

/** First frames of 30 MiB: the socket is closed, and nothing of them is kept. */
const largeFrames: Attack = async ({ context, runtime }) => {
  const [bytes, atOnce] = [context.size(30, 16) * MiB, 8];
  const times = atOnce;
  const large = frame(TEXT, "x".repeat(bytes));
  const before = (await runtime.databases()).length;
  const { beforeMb, mostMb } = await watchMemory(runtime, () =>
    runConcurrently(times, atOnce, async (i) => {
      const socket = await RawSocket.open(runtime.url, eventsOf(`large:${i}`));
      socket.write(large);
      assert.equal(await socket.closed, 1009);
      socket.end();
    }),
  );
  const afterMb = await leftMb(runtime, beforeMb + OWN_MB);
  return {
    injected: { "oversized first frames": times, "MiB in each": bytes / MiB },
    observed: {
      "rooms created by oversized frames": (await runtime.databases()).length - before,
      "MB more while oversized frames arrived": mostMb - beforeMb,
      "MB more after oversized frames": afterMb - beforeMb,
    },
    atMost: {
      "rooms created by oversized frames": 0,
      // The runtime itself takes in a frame whole before it hands it on.
      "MB more while oversized frames arrived": OWN_MB + (atOnce * bytes) / 1e6,
      "MB more after oversized frames": OWN_MB,
    },
  };
};

/** What the process has once it has let go of what it can, at the latest after a while. */
async function leftMb(runtime: Runtime, enoughMb: number): Promise<number> {
  const until = Date.now() + PATIENCE_MS;
  for (;;) {
    const mb = await runtime.residentMb();
    if (mb <= enoughMb || Date.now() > until) return mb;
    await sleep(200);
  }
}

export const all = { largeFrames, firstFrames, upgrades, crowdAtTheDoor, unansweredCloses };
