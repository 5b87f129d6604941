/** All floods. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { claims, sign } from "../../tests/edge/jwt.ts";
import { post } from "../http.ts";
import { runConcurrently } from "../run-concurrently.ts";
import type { SuiteContext } from "../suite.ts";
import type { Flood } from "./flood.ts";
import { fullRoom } from "./full-room.ts";
import { openSocket, openTcp, upgrade } from "./sockets.ts";

const MiB = 2 ** 20;

/**
 * Sends frames that are too large, binary, not JSON, or of an unknown type. The worker closes each
 * socket.
 */
const malformedFrames: Flood = async ({ context, room }) => {
  const texts = ["", "{", "[]", '{"type":"nope"}', '{"type":"publish","name":1}', "\u0000"];
  let frames = 0;
  await runConcurrently(context.size(1_000, 20), 20, async () => {
    const socket = await openSocket(room);
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

/**
 * Violates the WebSocket protocol (RFC 6455, section 5) after an upgrade, or sends random bytes
 * instead of an HTTP request.
 */
const protocolViolations: Flood = async ({ context, room }) => {
  const frames = [
    [0x81, 0x05, 0x68, 0x65, 0x6c, 0x6c, 0x6f], // Not masked.
    [0xf1, 0x80, 0, 0, 0, 0], // Reserved bits.
    [0x83, 0x80, 0, 0, 0, 0], // A reserved opcode.
    [0x09, 0x80, 0, 0, 0, 0], // A fragmented ping.
    [0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0], // Almost 2^63 bytes.
    [0x81, 0x82, 0, 0, 0, 0, 0xff, 0xff], // Not UTF-8.
    [0x88, 0x81, 0, 0, 0, 0, 0], // A Close with a payload of one byte.
  ];
  const times = context.size(2_000, 28);
  await runConcurrently(times, 20, async (i) => {
    const tcp = await openTcp(room);
    if (i % 4 !== 0) {
      tcp.write(upgrade(room));
      await once(tcp, "data");
    }
    tcp.write(Buffer.from(i % 4 === 0 ? randomBytes(context) : (frames[i % frames.length] ?? [])));
    await sleep(context.random() * 20);
    tcp.destroy();
  });
  return { "violations of WebSocket and HTTP": times };
};

/** Opens and closes 10,000 sockets a minute. */
const opensAndCloses: Flood = async ({ context, room }) => {
  const times = context.size(5_000, 100);
  const startedAt = Date.now();
  await runConcurrently(times, 50, async (i) => {
    await sleep(Math.max(0, startedAt + i * 6 - Date.now()));
    const socket = await openSocket(room);
    const closed = once(socket, "close");
    if (context.below(2) === 0) socket.close(1000);
    else socket.terminate();
    await closed;
  });
  return {
    "opens and closes": times,
    "opens and closes a minute": (times * 60_000) / (Date.now() - startedAt),
  };
};

/** Sends handshakes byte by byte, and opens sockets that never send a token. */
const slowHandshakes: Flood = async ({ context, room }) => {
  const slow = context.size(500, 20);
  const tcps = await Promise.all(Array.from({ length: slow }, () => openTcp(room)));
  const text = upgrade(room);
  for (let byte = 0; byte < context.size(30, 3); byte++) {
    for (const tcp of tcps) tcp.write(text[byte] ?? "");
    await sleep(context.size(250, 50));
  }
  const closeCode = async (): Promise<number> =>
    (await once(await openSocket(room, {}), "close"))[0];
  const codes = await Promise.all(Array.from({ length: 150 }, closeCode));
  assert(codes.every((code) => code === 4001));
  for (const tcp of tcps) tcp.destroy();
  return { "slow handshakes": slow, "sockets without a token": codes.length };
};

/** Publishes to subscribers without flow control that never read from their sockets. */
const stalledReaders: Flood = async ({ context, room }) => {
  const sockets = await Promise.all(
    Array.from({ length: context.size(20, 3) }, () => openSocket(room)),
  );
  for (const socket of sockets) socket.pause();
  const batch = Array.from({ length: 10 }, () => ({ name: "n", data: "x".repeat(10_000) }));
  for (let i = 0; i < context.size(100, 10); i++)
    assert.equal((await post(room, batch)).status, 201);
  for (const socket of sockets) socket.terminate();
  return { "clients that never read": sockets.length };
};

/**
 * Sends invalid tokens at full speed. The worker must reject all invalid tokens, and it does so
 * without loading a room.
 */
const invalidTokens: Flood = async ({ context, room }) => {
  const tokens = [
    sign(claims("eve", ["admin"]), "a guess that is at least 32 bytes long"),
    sign({ ...claims("eve", ["admin"]), exp: 1 }, "a guess that is at least 32 bytes long"),
    "not.a.token",
    "x".repeat(8_000),
  ];
  const times = context.size(20_000, 200);
  await runConcurrently(times, 20, async (i) => {
    const token = context.pick(tokens);
    if (i % 4 !== 0) {
      const authorization = `Bearer ${token}`;
      const answer = await fetch(`${room.url}/events`, { headers: { authorization } });
      await answer.text();
      assert.equal(answer.status, 401);
    } else {
      const socket = await openSocket(room, { token });
      assert.equal((await once(socket, "close"))[0], 4001);
    }
  });
  return { "invalid tokens": times };
};

function randomBytes(context: SuiteContext): number[] {
  return Array.from({ length: context.below(200) }, () => context.below(256));
}

/** All floods, in the order in which they run. */
export const all: Record<string, Flood> = {
  stalledReaders,
  malformedFrames,
  opensAndCloses,
  slowHandshakes,
  invalidTokens,
  protocolViolations,
  fullRoom,
};
