/**
 * Fills a room to its limit. The next socket must be rejected, and all accepted sockets must
 * receive every event.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { WebSocket } from "ws";
import { Room, tokenOf } from "../../tests/edge/room.ts";
import { runConcurrently } from "../run-concurrently.ts";
import type { Flood } from "./flood.ts";
import { openSocket } from "./sockets.ts";

/** Number of file handles that the runtime needs in addition to those for sockets. */
const OTHER_HANDLES = 2_000;
/** Number of file handles that the runtime needs for each socket. */
const HANDLES_EACH = 2;
const TIMEOUT_MS = 120_000;

export const fullRoom: Flood = async ({ runtime, sockets }) => {
  const room = new Room(runtime, "full");
  const limit = execFileSync("sh", ["-c", "ulimit -n"], { encoding: "utf8" }).trim();
  const handles = limit === "unlimited" ? Infinity : Number(limit) - OTHER_HANDLES;
  // Opens as many sockets over TCP as the file handles allow, and the remaining sockets inside the
  // runtime.
  const overTcp = Math.min(sockets, Math.floor(handles / HANDLES_EACH));
  const inside = sockets - overTcp;
  if (inside > 0) await runtime.openSockets(room.name, tokenOf("crowd", ["subscribe"]), inside);
  const crowd: WebSocket[] = [];
  let received = 0;
  await runConcurrently(overTcp, 50, async () => {
    const socket = await openSocket(room);
    socket.on("message", (text: Buffer) => (received += text.includes('"events"') ? 1 : 0));
    crowd.push(socket);
  });
  await room.waitForSessions(sockets, TIMEOUT_MS);
  const mb = await runtime.residentMb();

  const [code] = await once(await openSocket(room), "close");
  assert.equal(code, 1013, "one more socket is rejected");
  await room.publish({ name: "n", data: 1 });
  for (const until = Date.now() + TIMEOUT_MS; received < overTcp; await sleep(20))
    assert(Date.now() < until, `${received} of ${overTcp} sockets received the event`);
  assert.equal(received, overTcp, "each socket receives the event once");

  for (const socket of crowd) socket.terminate();
  await room.waitForSessions(inside, TIMEOUT_MS);
  return {
    "sockets in one room, which is its limit": sockets,
    "MB of memory with these sockets": mb,
    "of these sockets over TCP": overTcp,
  };
};
