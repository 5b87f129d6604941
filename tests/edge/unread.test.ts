/**
 * A reader that stands still, and what flow control does not count: the room asks the runtime what
 * has yet to be written. In the simulator that is known; here it is shown that the runtime knows.
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
import { UPGRADE, request } from "./wire.ts";

const RATES = { "*": { frames_per_second: 100_000, frames_burst: 100_000 } };
const NAMES = 16;
const SIGNAL_BYTES = 16_000;
/** What the room lets wait, and what the runtime's pipes and the kernel take beside it. */
const MOST_BYTES = 1e6 + 8e6;

const token = (user: string): string => sign(claims(user, ["subscribe", "publish"]), SECRET);

test("signals to a reader that stands still have a bound, and come again when it reads", async (t) => {
  const room = await Room.of(t, { settings: RATES });
  const alice = await Socket.open(`${room.url}/events`, { token: token("alice") });
  // One socket alone may not send so much at once.
  const dave = await Socket.open(`${room.url}/events`, { token: token("dave") });
  const bob = await Socket.open(`${room.url}/events`, { token: token("bob") });
  const carol = await standing(room);
  t.after(() => carol.destroy());

  let sent = 0;
  for (let round = 0; sent < 15e6; round++) {
    for (let name = 0; name < NAMES; name++) {
      const data = `${round} ${"x".repeat(SIGNAL_BYTES)}`;
      (round % 2 ? dave : alice).send({ type: "signal", name: `n${name}`, data });
    }
    // One round a window: as it ends, all of the round has come.
    for (let name = 0; name < NAMES; name++) {
      const signal = await bob.until("signal");
      assert.equal(signal.data.split(" ")[0], String(round), "who reads is sent all of them");
      sent += bob.text.length;
    }
  }
  await assert.rejects(room.runtime.evict("r"), "what waits to be written keeps the room awake");

  carol.resume();
  for (let before = -1; before !== carol.bytesRead; await sleep(500)) before = carol.bytesRead;
  assert(carol.bytesRead < MOST_BYTES, `${carol.bytesRead} bytes of ${sent} waited for her`);
  assert.equal(await room.runtime.evict("r"), true);

  const heard = once(carol, "data");
  alice.send({ type: "signal", name: "n", data: "she reads again" });
  assert.match(String(await heard), /she reads again/);
});

/** Joins, and reads nothing more. */
async function standing(room: Room): Promise<TcpSocket> {
  const { hostname, port, pathname } = new URL(`${room.url}/events`);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => {});
  const headers = { ...UPGRADE, authorization: `Bearer ${token("carol")}` };
  socket.write(request(Number(port), { path: pathname, headers }));
  await once(socket, "data");
  await room.counts(4);
  socket.pause();
  return socket;
}
