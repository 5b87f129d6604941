import assert from "node:assert/strict";
import { afterEach, beforeEach, it, mock } from "node:test";
import { Timer } from "../src/timer.ts";
import { startClock } from "./model/network.ts";

beforeEach(startClock);
afterEach(() => mock.reset());

for (const [when, ms] of [
  ["a fraction of a millisecond", 10.6],
  ["longer than the limit of a runtime", 2 ** 31 + 10_000.6],
] as const) {
  it(`fires once, and not before its time: ${when}`, () => {
    const onDue = mock.fn();
    new Timer(onDue).set(performance.now() + ms);
    mock.timers.tick(Math.floor(ms));
    assert.equal(onDue.mock.callCount(), 0);
    mock.timers.tick(1);
    assert.equal(onDue.mock.callCount(), 1);
  });
}

it("fires at the last time that was set, or never", () => {
  const onDue = mock.fn();
  const timer = new Timer(onDue);
  timer.set(performance.now() + 10);
  timer.set(performance.now() + 20);
  mock.timers.tick(19);
  assert.equal(onDue.mock.callCount(), 0);
  timer.set(Infinity);
  mock.timers.tick(100);
  assert.equal(onDue.mock.callCount(), 0);
});
