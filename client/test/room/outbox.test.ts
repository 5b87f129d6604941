import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RoomcastError } from "../../src/codes.ts";
import { Outbox } from "../../src/room/outbox.ts";

const outboxOf = (publishes: number): Outbox => {
  const outbox = new Outbox("room", { maxQueued: 1_000, timeoutMs: 60_000 });
  for (let n = 0; n < publishes; n++) {
    outbox.add({ name: "a", data: n, id: `id-${n}` }, { name: "alice" }, 0).catch(() => {});
  }
  return outbox;
};

const refsOf = (texts: Iterable<string>): number[] =>
  Array.from(texts, (text) => Number((JSON.parse(text) as { ref: string }).ref));

describe("the publishes to send", () => {
  it("are the unsent publishes, in order", () => {
    const outbox = outboxOf(3);
    assert.equal(outbox.dueAt, 0);
    for (const text of outbox.drain()) if (refsOf([text])[0] === 2) break;
    assert.equal(outbox.dueAt, 0);
    assert.deepEqual(refsOf(outbox.drain()), [2, 3]);
    assert.equal(outbox.dueAt, Infinity);
  });

  it("are all unacknowledged publishes, in order, on the next connection", () => {
    const outbox = outboxOf(5);
    assert.deepEqual(refsOf(outbox.drain()), [1, 2, 3, 4, 5]);
    outbox.onAck("2", 7);
    outbox.onDisconnect();
    assert.deepEqual(refsOf(outbox.drain()), [1, 3, 4, 5]);
  });

  it("include publishes that were refused temporarily", () => {
    const outbox = outboxOf(5);
    assert.equal(refsOf(outbox.drain()).length, 5);
    const error = new RoomcastError("rate_limited", "Too fast.");
    outbox.onRefusal("4", error, true);
    outbox.onRefusal("5", error, false);
    assert.deepEqual(refsOf(outbox.drain()), [4]);
  });
});
