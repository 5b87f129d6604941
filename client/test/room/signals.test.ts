/** Tests of signals, in virtual time. */
import assert from "node:assert/strict";
import { it, mock } from "node:test";
import type { Room, RoomcastError, Signal } from "../../src/index.ts";
import { advance } from "../model/network.ts";
import { tokenFor } from "../model/claims.ts";
import { clientOf, cutAll, describeBoth, HOUR, network, server } from "../fixture.ts";

const roomOf = (user: string, grants?: string[]): Room =>
  clientOf({ token: () => tokenFor(user, Date.now() + HOUR, grants) }).room("room");

/** Connects alice and bob, and records the signals of each. */
async function connectBoth() {
  const rooms = [roomOf("alice"), roomOf("bob")] as const;
  const received = rooms.map((room) => {
    const signals: Signal[] = [];
    room.onSignal((_, signal) => signals.push(signal));
    return signals;
  });
  await advance(100);
  return {
    alice: rooms[0],
    bob: rooms[1],
    receivedByAlice: received[0]!,
    receivedByBob: received[1]!,
  };
}

const dataOf = (signals: Signal[]) => signals.map(({ data }) => data);

describeBoth("a signal", () => {
  it("is received by the others, by name or all", async () => {
    const { alice, bob, receivedByAlice, receivedByBob } = await connectBoth();
    const named: unknown[] = [];
    bob.onSignal("cursor", (data, { from }) => named.push([data, from]));
    alice.signal("cursor", { x: 1 });
    alice.signal("typing", undefined);
    await advance(100);
    assert.deepEqual(named, [[{ x: 1 }, "alice"]]);
    assert.deepEqual(receivedByBob, [
      { name: "cursor", data: { x: 1 }, from: "alice" },
      { name: "typing", data: null, from: "alice" },
    ]);
    assert.deepEqual(receivedByAlice, []);
    assert.equal(server.room("room").head, 0);
  });

  it("is not received after a handler stops, in every way to stop", async () => {
    const { alice, bob } = await connectBoth();
    const second = mock.fn();
    bob.onSignal(() => stop());
    const stop = bob.onSignal(second);
    alice.signal("a", 1);
    await advance(100);
    assert.equal(second.mock.callCount(), 0);
  });

  it("is received by the others if a handler throws", async () => {
    const { alice, bob } = await connectBoth();
    const logged = mock.method(console, "error", () => {});
    const second = mock.fn();
    bob.onSignal(() => {
      throw new Error("mine");
    });
    bob.onSignal(second);
    alice.signal("a", 1);
    await advance(100);
    assert.equal(second.mock.callCount(), 1);
    assert.equal(logged.mock.callCount(), 1);
  });

  it("keeps the room connected for its receivers, but not for its sender", async () => {
    const room = roomOf("alice");
    room.signal("a", 1);
    await advance(5_000);
    assert.equal(network.dialled, 0);
    const stop = room.onSignal(() => {});
    await advance(5_000);
    assert.equal(server.room("room").sessions.size, 1);
    stop();
    await advance(3_500);
    assert.equal(server.room("room").sessions.size, 0);
  });

  it("throws if the data exceeds the room's limit", async () => {
    const { alice, receivedByBob } = await connectBoth();
    assert.throws(() => alice.signal("a", "é".repeat(8_192)), { code: "too_large" });
    alice.signal("a", "é".repeat(8_191));
    await advance(100);
    assert.equal(receivedByBob.length, 1);
  });

  it("is not sent without the grant, which is reported once", async () => {
    const codes: unknown[] = [];
    mock.method(console, "error", ({ code }: RoomcastError) => codes.push(code));
    const [alice, bob] = [roomOf("alice", ["subscribe"]), roomOf("bob")];
    const received = mock.fn();
    bob.onSignal(received);
    alice.onSignal(() => {});
    await advance(100);
    for (let n = 0; n < 10; n++) alice.signal("a", n);
    await advance(1_000);
    assert.deepEqual(codes, ["forbidden"]);
    assert.equal(received.mock.callCount(), 0);
  });
});

describeBoth("many signals", () => {
  it("are sent immediately, and then the newest signal of each name every 50 ms", async () => {
    const { alice, receivedByBob } = await connectBoth();
    for (let n = 0; n < 200; n++) {
      alice.signal("x", n);
      if (n < 100) alice.signal("y", n);
      await advance(5);
      if (n === 3) assert.deepEqual(dataOf(receivedByBob), [0, 0]);
    }
    await advance(100);
    for (const [name, last] of [
      ["x", 199],
      ["y", 99],
    ] as const) {
      const data = dataOf(receivedByBob.filter((signal) => signal.name === name)) as number[];
      assert.ok(data.length <= (last + 1) / 9, `${data.length} of ${last + 1}`);
      assert.equal(data.at(-1), last);
      assert.deepEqual(
        data,
        data.toSorted((a, b) => a - b),
      );
    }
  });

  it("are dropped while not connected", async () => {
    const { alice, receivedByBob } = await connectBoth();
    alice.signal("a", 0);
    await advance(20);
    alice.signal("a", 1);
    network.down = true;
    cutAll();
    alice.signal("a", 2);
    await advance(3_000);
    network.down = false;
    await advance(30_000);
    assert.deepEqual(dataOf(receivedByBob), [0]);
    alice.signal("a", 3);
    await advance(100);
    assert.deepEqual(dataOf(receivedByBob), [0, 3]);
  });

  it("stay within the room's limit together, behind publishes", async () => {
    server.rateLimit = { perSecond: 50, burst: 100 };
    const { alice, receivedByBob } = await connectBoth();
    const logged = mock.method(console, "error", () => {});
    const sent = Array.from({ length: 150 }, (_, n) => alice.publish("a", n));
    for (let n = 0; n < 200; n++) {
      for (const name of ["a", "b", "c", "d"]) alice.signal(name, n);
      await advance(20);
    }
    await advance(3_000);
    const seqs = await Promise.all(sent);
    assert.deepEqual(
      seqs,
      seqs.map((_, n) => n + 1),
    );
    assert.equal(logged.mock.callCount(), 0);
    for (const name of ["a", "b", "c", "d"]) {
      const data = dataOf(receivedByBob.filter((signal) => signal.name === name));
      assert.equal(data.at(-1), 199);
      assert.ok(data.length > 20, `${name}: ${data.length}`);
    }
  });
});
