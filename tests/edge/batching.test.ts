/** Tests how a room batches events that are published in quick succession. */
import assert from "node:assert/strict";
import { type TestContext, describe, test } from "node:test";
import { type Frame, Socket } from "./client.ts";
import { Room, tokenOf } from "./room.ts";

const EVENTS = 1_000;

describe("a burst of 1,000 publishes", () => {
  test("is sent in order, in one frame per 10 ms, and each publish is acknowledged", async (t) => {
    const frames = await burst(t, {});
    const took_ms = frames.at(-1)?.events.at(-1).at - frames[0]?.events[0].at;
    t.diagnostic(`${frames.length} frames in ${took_ms} ms`);
    // Timestamps are whole milliseconds, so a window of 10 ms may appear as 9 ms.
    assert(frames.length <= 2 + took_ms / 9, `${frames.length} frames in ${took_ms} ms`);
    assert(frames.length < EVENTS);
  });

  test("is sent in one frame for each event if the window is 0", async (t) => {
    const frames = await burst(t, { frame_window_ms: 0 });
    assert.equal(frames.length, EVENTS);
  });
});

test("events that a socket published before it closed are delivered in order", async (t) => {
  const room = await Room.of(t);
  const token = tokenOf("alice", ["subscribe", "publish"]);
  const alice = await Socket.open(`${room.url}/events`, { token });
  const bob = await Socket.open(`${room.url}/events`, { token });
  t.after(() => bob.drop());
  for (const socket of [alice, bob]) await socket.until("welcome");
  for (let i = 1; i <= 20; i++) alice.send({ type: "publish", name: "n", data: i });
  alice.close();
  for (let seq = 0; seq < 20;) {
    const { events } = await bob.until("events");
    for (const event of events) assert.deepEqual([event.seq, event.data], [++seq, seq]);
  }
});

test("concurrent publishes over HTTP are each answered with their own seq or error", async (t) => {
  const room = await Room.of(t);
  const publishes = Array.from({ length: 50 }, async (_, data) => {
    // Every tenth publish has no name and is rejected. All other publishes succeed.
    if (data % 10 === 9) return assert.rejects(room.publish({ data }), /400 .*name/);
    const [seq] = await room.publish({ name: "n", data });
    return { seq, data };
  });
  const answered = (await Promise.all(publishes)).filter((one) => one !== undefined);
  const { events } = await room.page("last=50");
  assert.deepEqual(
    events.map(({ seq, data }: Frame) => ({ seq, data })),
    answered.sort((one, other) => one.seq! - other.seq!),
  );
});

/** Returns the `events` frames that bob receives while alice publishes. */
async function burst(t: TestContext, settings: Record<string, number>): Promise<Frame[]> {
  const rates = { frames_per_second: EVENTS, frames_burst: EVENTS };
  const room = await Room.of(t, { settings: { r: { ...rates, ...settings } } });
  const join = async (user: string) => {
    const token = tokenOf(user, ["subscribe", "publish"]);
    const socket = await Socket.open(`${room.url}/events`, { token });
    t.after(() => socket.drop());
    await socket.until("welcome");
    return socket;
  };
  const [alice, bob] = [await join("alice"), await join("bob")];
  for (let i = 1; i <= EVENTS; i++)
    alice.send({ type: "publish", name: "n", data: i, ref: String(i) });

  const frames: Frame[] = [];
  for (let seq = 0; seq < EVENTS;) {
    const frame = await bob.next();
    assert.deepEqual([frame.type, frame.prev], ["events", seq]);
    for (const event of frame.events) assert.deepEqual([event.seq, event.data], [++seq, seq]);
    frames.push(frame);
  }
  for (let i = 1; i <= EVENTS; i++) {
    const { ref, seq } = await alice.until("ack");
    assert.deepEqual([ref, seq], [String(i), i]);
  }
  return frames;
}
