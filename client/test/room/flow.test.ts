import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Flow } from "../../src/room/flow.ts";
import { advance, settle } from "../model/network.ts";
import { clientOf, cutAll, describeBoth, publish, server } from "../fixture.ts";

/** A flow with a window of 400 bytes. Records each `seen` that the flow sends. */
function flowOf(): { flow: Flow; seen: number[] } {
  const seen: number[] = [];
  return { flow: new Flow(400, (seq) => seen.push(seq)), seen };
}

/** A pending promise of a handler, and the function that resolves it. */
function task(): { promise: Promise<void>; done(): Promise<void> } {
  let resolve = (): void => {};
  const promise = new Promise<void>((resolved) => (resolve = resolved));
  return {
    promise,
    async done() {
      resolve();
      await settle();
    },
  };
}

describe("seen", () => {
  it("is sent once for each quarter of the window", () => {
    const { flow, seen } = flowOf();
    for (let seq = 1; seq <= 10; seq++) flow.track(seq, 30, []);
    assert.deepEqual(seen, [4, 8]);
  });

  it("covers the events that the handlers have processed, in order", async () => {
    const { flow, seen } = flowOf();
    const [first, second] = [task(), task()];
    flow.track(1, 150, [first.promise]);
    flow.track(2, 150, [second.promise, Promise.resolve()]);
    flow.track(3, 50, []);
    await second.done();
    assert.deepEqual(seen, []);
    await first.done();
    assert.deepEqual(seen, [1, 2]);
    flow.track(4, 50, []);
    assert.deepEqual(seen, [1, 2, 4]);
  });

  it("starts again with a new connection", async () => {
    const { flow, seen } = flowOf();
    const slow = task();
    flow.track(1, 99, []);
    flow.track(2, 400, [slow.promise]);
    flow.reset();
    flow.track(3, 99, []);
    await slow.done();
    assert.deepEqual(seen, []);
    flow.track(4, 1, []);
    assert.deepEqual(seen, [4]);
  });
});

describeBoth("a room's window", (kind) => {
  /** Publishes events of one kilobyte. */
  const flood = (events: number): void => {
    for (let n = 0; n < events; n++) publish("a", "é".repeat(512));
  };

  it("is never full if handlers return immediately, however many events follow", async () => {
    const room = clientOf().room("room");
    let received = 0;
    room.on(() => received++);
    await advance(100);
    for (let n = 0; n < 40; n++) {
      flood(100);
      await advance(50);
    }
    await advance(10_000);
    assert.equal(received, 4_000);
  });

  it("limits the events of a handler that does not resolve, until the handler resolves", async () => {
    const room = clientOf().room("room");
    const first = task();
    let received = 0;
    room.on(() => (++received === 1 ? first.promise : undefined));
    await advance(100);
    for (let n = 0; n < 40; n++) {
      flood(100);
      await advance(50);
    }
    await advance(10_000);
    const windowBytes = server.settings.windowBytes[kind === "shared" ? "shared" : "own"];
    assert.ok(received * 1_024 <= windowBytes, `${received} events`);
    await first.done();
    await advance(10_000);
    assert.equal(received, 4_000);
  });

  it("is not reduced by handlers that fail, or that were running at a disconnect", async () => {
    const errors: unknown[] = [];
    globalThis.reportError = (error) => void errors.push(error);
    const room = clientOf().room("room");
    let received = 0;
    room.on(async () => {
      if (++received === 1) await new Promise(() => {});
      throw new Error("mine");
    });
    await advance(100);
    flood(1);
    await advance(100);
    cutAll();
    await advance(2_000);
    for (let n = 0; n < 40; n++) {
      flood(100);
      await advance(50);
    }
    await advance(10_000);
    assert.equal(received, 4_001);
    assert.equal(errors.length, 4_000);
    delete (globalThis as Partial<typeof globalThis>).reportError;
  });
});
