import assert from "node:assert/strict";
import { it } from "node:test";
import type { RoomEvent } from "../../src/index.ts";
import { State } from "../../src/room/state.ts";

const event = (seq: number, key: string | undefined, data: unknown = seq): RoomEvent =>
  ({ seq, name: "a", data, at: 0, from: "b", key }) as RoomEvent;

const epoch = "epoch001";
const emptyState = (): State => new State({ epoch, seq: 0 });
const snapshot = (seq: number, ...events: RoomEvent[]) => ({ epoch, seq, events });

const keysOf = (state: State): string[] => [...state.events!.keys()];

it("is undefined before it is complete", () => {
  const state = emptyState();
  state.apply([event(1, "x")]);
  assert.equal(state.events, undefined);
});

it("keeps events newer than the snapshot, including removals", () => {
  const state = emptyState();
  state.apply([event(3, "x"), event(4, "y", null), event(5, "z"), event(6, undefined)]);
  state.applySnapshot(snapshot(3, event(1, "w"), event(2, "y"), event(3, "x")));
  assert.deepEqual(keysOf(state), ["w", "x", "z"]);
  assert.equal(state.events!.get("x")!.seq, 3);
});

it("drops keys that a newer snapshot lacks", () => {
  const state = emptyState();
  state.apply([event(1, "x"), event(2, "y"), event(3, undefined)]);
  state.applySnapshot(snapshot(3, event(2, "y")));
  assert.deepEqual(keysOf(state), ["y"]);
});

it("has a position, which advances with the events", () => {
  const state = emptyState();
  state.apply([event(1, "x"), event(2, undefined)]);
  assert.deepEqual(state.position, { epoch, seq: 2 });
});

it("keeps a snapshot that is ahead until its events are received", () => {
  const state = emptyState();
  assert.equal(state.applySnapshot(), false, "no snapshot");
  assert.equal(state.applySnapshot(snapshot(2, event(2, "y"))), false);
  state.apply([event(1, "x")]);
  assert.equal(state.applySnapshot(), false);
  state.apply([event(2, "y"), event(3, "z")]);
  assert.equal(state.applySnapshot(), true);
  assert.deepEqual(keysOf(state), ["y", "z"]);
  assert.equal(state.applySnapshot(snapshot(3)), false, "already complete");
});

it("rejects a snapshot of another epoch", () => {
  const state = emptyState();
  assert.equal(state.applySnapshot({ ...snapshot(0), epoch: "epoch002" }), false);
  assert.equal(state.events, undefined);
});

it("is in the order of seq", () => {
  const state = emptyState();
  state.applySnapshot(snapshot(0));
  state.apply([event(1, "x"), event(2, "y"), event(3, "x")]);
  assert.deepEqual(keysOf(state), ["y", "x"]);
});
