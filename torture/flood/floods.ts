/** What strangers do to a server. Each answers how much of it there was. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { claims, sign } from "../../tests/edge/jwt.ts";
import type { Room } from "../../tests/edge/room.ts";
import type { Runtime } from "../../tests/edge/runtime.ts";
import { post } from "../http.ts";
import { runConcurrently } from "../run-concurrently.ts";
import type { SuiteContext } from "../suite.ts";
import { opens, raw, upgrade } from "./stranger.ts";

export interface Target {
  context: SuiteContext;
  runtime: Runtime;
  room: Room;
  /** How many a room takes. */
  sockets: number;
}

export type Flood = (target: Target) => Promise<Record<string, number>>;

const MiB = 2 ** 20;

/** Frames that are too large, no JSON, of no type, binary; until each socket is closed for it. */
export const nonsense: Flood = async ({ context, room }) => {
  const texts = ["", "{", "[]", '{"type":"nope"}', '{"type":"publish","name":1}', "\u0000"];
  let frames = 0;
  await runConcurrently(context.size(1_000, 20), 20, async () => {
    const socket = await opens(room);
    const closed = once(socket, "close");
    if (context.below(4) === 0) {
      socket.send("x".repeat(MiB + 1));
      frames += 1;
      assert.equal((await closed)[0], 1009);
      return;
    }
    for (let i = 0; i < 20; i++) {
      const text = context.pick(texts);
      socket.send(context.below(2) === 0 ? Buffer.from(text) : text);
      frames += 1;
    }
    assert.equal((await closed)[0], 4400);
  });
  return { "malformed and oversized frames": frames };
};

/** What is no WebSocket any more once it was one (RFC 6455, section 5), and what is no HTTP. */
export const violations: Flood = async ({ context, room }) => {
  const frames = [
    [0x81, 0x05, 0x68, 0x65, 0x6c, 0x6c, 0x6f], // not masked
    [0xf1, 0x80, 0, 0, 0, 0], // bits that mean nothing
    [0x83, 0x80, 0, 0, 0, 0], // an opcode that means nothing
    [0x09, 0x80, 0, 0, 0, 0], // half a ping
    [0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0], // 2^63 bytes
    [0x81, 0x82, 0, 0, 0, 0, 0xff, 0xff], // no UTF-8
    [0x88, 0x81, 0, 0, 0, 0, 0], // a Close of one byte
  ];
  const times = context.size(2_000, 28);
  await runConcurrently(times, 20, async (i) => {
    const tcp = await raw(room);
    if (i % 4 !== 0) {
      tcp.write(upgrade(room));
      await once(tcp, "data");
    }
    tcp.write(Buffer.from(i % 4 === 0 ? bytes(context) : (frames[i % frames.length] ?? [])));
    await sleep(context.random() * 20);
    tcp.destroy();
  });
  return { "violations of WebSocket and HTTP": times };
};

/** 10,000 a minute: who comes and goes, as every visitor does. */
export const opensAndCloses: Flood = async ({ context, room }) => {
  const times = context.size(5_000, 100);
  const begun = Date.now();
  await runConcurrently(times, 50, async (i) => {
    await sleep(Math.max(0, begun + i * 6 - Date.now()));
    const socket = await opens(room);
    const closed = once(socket, "close");
    if (context.below(2) === 0) socket.close(1000);
    else socket.terminate();
    await closed;
  });
  return {
    "opens and closes": times,
    "opens and closes a minute": (times * 60_000) / (Date.now() - begun),
  };
};

/** Handshakes at a byte in a while, and sockets that never say who they are. */
export const slowHandshakes: Flood = async ({ context, room }) => {
  const slow = context.size(500, 20);
  const tcps = await Promise.all(Array.from({ length: slow }, () => raw(room)));
  const text = upgrade(room);
  for (let byte = 0; byte < context.size(30, 3); byte++) {
    for (const tcp of tcps) tcp.write(text[byte] ?? "");
    await sleep(context.size(250, 50));
  }
  const closes = async (): Promise<number> => (await once(await opens(room, {}), "close"))[0];
  const codes = await Promise.all(Array.from({ length: 150 }, closes));
  assert(codes.every((code) => code === 4001));
  for (const tcp of tcps) tcp.destroy();
  return { "slow handshakes": slow, "sockets without a token": codes.length };
};

/** Subscribers that take nothing of what they are sent, and turn no flow control on. */
export const neverReads: Flood = async ({ context, room }) => {
  const sockets = await Promise.all(Array.from({ length: context.size(20, 3) }, () => opens(room)));
  for (const socket of sockets) socket.pause();
  const batch = Array.from({ length: 10 }, () => ({ name: "n", data: "x".repeat(10_000) }));
  for (let i = 0; i < context.size(100, 10); i++)
    assert.equal((await post(room, batch)).status, 201);
  for (const socket of sockets) socket.terminate();
  return { "clients that never read": sockets.length };
};

/** Tokens of strangers, as fast as they can be brought: nobody gets in, and no room is woken. */
export const tokenStorm: Flood = async ({ context, room }) => {
  const bad = [
    sign(claims("eve", ["admin"]), "a guess that is at least 32 bytes long"),
    sign({ ...claims("eve", ["admin"]), exp: 1 }, "a guess that is at least 32 bytes long"),
    "not.a.token",
    "x".repeat(8_000),
  ];
  const times = context.size(20_000, 200);
  await runConcurrently(times, 20, async (i) => {
    const token = context.pick(bad);
    if (i % 4 !== 0) {
      const authorization = `Bearer ${token}`;
      const answer = await fetch(`${room.url}/events`, { headers: { authorization } });
      await answer.text();
      assert.equal(answer.status, 401);
    } else {
      const socket = await opens(room, { token });
      assert.equal((await once(socket, "close"))[0], 4001);
    }
  });
  return { "invalid tokens": times };
};

function bytes(context: SuiteContext): number[] {
  return Array.from({ length: context.below(200) }, () => context.below(256));
}
