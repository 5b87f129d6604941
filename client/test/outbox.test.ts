import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RoomcastError } from "../src/codes.ts";
import { Outbox } from "../src/outbox.ts";
import { Pace } from "../src/pace.ts";

const outboxOf = (publishes: number): Outbox => {
  const outbox = new Outbox("room", { maxQueued: 1_000, timeoutMs: 60_000 }, new Pace());
  for (let n = 0; n < publishes; n++) {
    outbox.add({ name: "a", data: n, id: `id-${n}` }, 0).catch(() => {});
  }
  return outbox;
};

const refsOf = (texts: Iterable<string>): number[] =>
  Array.from(texts, (text) => Number((JSON.parse(text) as { ref: string }).ref));

const limited = (retryAfterMs: number): RoomcastError =>
  new RoomcastError("rate_limited", "Too fast.", retryAfterMs);

describe("what may be sent", () => {
  it("is a burst below the room's limit, then less than its rate", () => {
    const outbox = outboxOf(300);
    assert.equal(refsOf(outbox.take(1_000)).length, 90);
    assert.deepEqual(refsOf(outbox.take(1_000)), []);
    assert.equal(refsOf(outbox.take(2_000)).length, 45);
    assert.ok(outbox.dueAt > 2_000 && outbox.dueAt < 2_030);
    assert.deepEqual(refsOf(outbox.take(outbox.dueAt)), [136]);
  });

  it("is all again, in order, on the next connection", () => {
    const outbox = outboxOf(5);
    assert.deepEqual(refsOf(outbox.take(1_000)), [1, 2, 3, 4, 5]);
    outbox.acknowledged("2", 7);
    outbox.disconnected();
    assert.deepEqual(refsOf(outbox.take(2_000)), [1, 3, 4, 5]);
  });

  it("is nothing while the room asks to be left alone", () => {
    const outbox = outboxOf(5);
    assert.equal(refsOf(outbox.take(1_000)).length, 5);
    outbox.refused("4", limited(2_000), 10_000);
    assert.deepEqual(refsOf(outbox.take(11_900)), []);
    assert.equal(outbox.dueAt, 12_000);
    assert.deepEqual(refsOf(outbox.take(12_000)), [4]);
  });
});
