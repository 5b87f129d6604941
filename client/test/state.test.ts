import assert from "node:assert/strict";
import { it } from "node:test";
import type { RoomEvent } from "../src/index.ts";
import { State } from "../src/state.ts";

const event = (seq: number, key: string | undefined, data: unknown = seq): RoomEvent =>
  ({ seq, name: "a", data, at: 0, from: "b", key }) as RoomEvent;

const snapshot = (seq: number, ...events: RoomEvent[]) => ({ epoch: "epoch001", seq, events });

const keysOf = (state: State): string[] => [...state.events!.keys()];

it("is nothing before it is whole", () => {
  const state = new State();
  state.apply([event(1, "x")]);
  assert.equal(state.events, undefined);
});

it("keeps what is newer than the snapshot, removals too", () => {
  const state = new State();
  state.apply([event(3, "x"), event(4, "y", null), event(5, "z"), event(6, undefined)]);
  state.settle(snapshot(3, event(1, "w"), event(2, "y"), event(3, "x")));
  assert.deepEqual(keysOf(state), ["w", "x", "z"]);
  assert.equal(state.events!.get("x")!.seq, 3);
});

it("forgets what a snapshot that is newer does not have", () => {
  const state = new State();
  state.apply([event(1, "x"), event(2, "y")]);
  state.settle(snapshot(3, event(2, "y")));
  assert.deepEqual(keysOf(state), ["y"]);
});

it("is in the order of seq", () => {
  const state = new State();
  state.settle(snapshot(0));
  state.apply([event(1, "x"), event(2, "y"), event(3, "x")]);
  assert.deepEqual(keysOf(state), ["y", "x"]);
});
