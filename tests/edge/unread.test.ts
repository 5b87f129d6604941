/**
 * Tests signals to a reader that stalls. Flow control does not count signals, so the room queries
 * how many bytes the runtime has not yet written to a socket. The simulator counts unwritten bytes
 * itself. This test shows that the real runtime reports their number.
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
/**
 * Maximum number of buffered bytes: the room's limit, plus the buffers of the runtime and the
 * kernel.
 */
const MAX_BYTES = 1e6 + 8e6;

const token = (user: string): string => sign(claims(user, ["subscribe", "publish"]), SECRET);

test("signals to a stalled reader are bounded, and resume when it reads again", async (t) => {
  const room = await Room.of(t, { settings: RATES });
  const alice = await Socket.open(`${room.url}/events`, { token: token("alice") });
  // Alice and dave send in turns, because a single socket would exceed its rate limit.
  const dave = await Socket.open(`${room.url}/events`, { token: token("dave") });
  const bob = await Socket.open(`${room.url}/events`, { token: token("bob") });
  const carol = await joinAndStall(room);
  t.after(() => carol.destroy());

  let sent = 0;
  for (let round = 0; sent < 15e6; round++) {
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
  await assert.rejects(room.runtime.evict("r"), "unwritten frames keep the room in memory");

  carol.resume();
  for (let before = -1; before !== carol.bytesRead; await sleep(500)) before = carol.bytesRead;
  assert(carol.bytesRead < MAX_BYTES, `${carol.bytesRead} bytes of ${sent} were buffered`);
  assert.equal(await room.runtime.evict("r"), true);

  const received = once(carol, "data");
  alice.send({ type: "signal", name: "n", data: "she reads again" });
  assert.match(String(await received), /she reads again/);
});

/** Joins the room, and then stops reading. */
async function joinAndStall(room: Room): Promise<TcpSocket> {
  const { hostname, port, pathname } = new URL(`${room.url}/events`);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => {});
  const headers = { ...UPGRADE, authorization: `Bearer ${token("carol")}` };
  socket.write(request(Number(port), { path: pathname, headers }));
  await once(socket, "data");
  await room.waitForSessions(4);
  socket.pause();
  return socket;
}
