/** A room that is full to its last seat: the next is told so, and those who are in hear all. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { WebSocket } from "ws";
import { Room, tokenOf } from "../../tests/edge/room.ts";
import { runConcurrently } from "../run-concurrently.ts";
import type { Flood } from "./floods.ts";
import { opens } from "./stranger.ts";

/** Of the file handles that a process may have: what else it needs. */
const SPARED = 2_000;
/** What a socket takes of them in the runtime. */
const HANDLES_EACH = 2;
const PATIENCE_MS = 120_000;

export const crowd: Flood = async ({ runtime, sockets }) => {
  const room = new Room(runtime, "full");
  const limit = execFileSync("sh", ["-c", "ulimit -n"], { encoding: "utf8" }).trim();
  const handles = limit === "unlimited" ? Infinity : Number(limit) - SPARED;
  // As many over TCP as there are handles for, and the rest within the runtime.
  const overTcp = Math.min(sockets, Math.floor(handles / HANDLES_EACH));
  const inside = sockets - overTcp;
  if (inside > 0) await runtime.crowd(room.name, tokenOf("crowd", ["subscribe"]), inside);
  const crowd: WebSocket[] = [];
  let heard = 0;
  await runConcurrently(overTcp, 50, async () => {
    const socket = await opens(room);
    socket.on("message", (text: Buffer) => (heard += text.includes('"events"') ? 1 : 0));
    crowd.push(socket);
  });
  await room.counts(sockets, PATIENCE_MS);
  const mb = await runtime.residentMb();

  const [code] = await once(await opens(room), "close");
  assert.equal(code, 1013, "one more is refused");
  await room.publish({ name: "n", data: 1 });
  for (const until = Date.now() + PATIENCE_MS; heard < overTcp; await sleep(20))
    assert(Date.now() < until, `${heard} of ${overTcp} heard it`);
  assert.equal(heard, overTcp, "each hears it once");

  for (const socket of crowd) socket.terminate();
  await room.counts(inside, PATIENCE_MS);
  return {
    "sockets in one room, which is its limit": sockets,
    "MB of memory with these sockets": mb,
    "of these sockets over TCP": overTcp,
  };
};
