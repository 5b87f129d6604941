import assert from "node:assert/strict";
import { afterEach, beforeEach, it, mock } from "node:test";
import { Alarm } from "../src/alarm.ts";
import { startClock } from "./model/network.ts";

beforeEach(startClock);
afterEach(() => mock.reset());

for (const [when, ms] of [
  ["in no whole milliseconds", 10.6],
  ["in weeks", 2 ** 31 + 10_000.6],
] as const) {
  it(`rings once, and not before its time: ${when}`, () => {
    const ring = mock.fn();
    new Alarm(ring).set(performance.now() + ms);
    mock.timers.tick(Math.floor(ms));
    assert.equal(ring.mock.callCount(), 0);
    mock.timers.tick(1);
    assert.equal(ring.mock.callCount(), 1);
  });
}

it("rings at the newest time that it was set to, or never", () => {
  const ring = mock.fn();
  const alarm = new Alarm(ring);
  alarm.set(performance.now() + 10);
  alarm.set(performance.now() + 20);
  mock.timers.tick(19);
  assert.equal(ring.mock.callCount(), 0);
  alarm.set(Infinity);
  mock.timers.tick(100);
  assert.equal(ring.mock.callCount(), 0);
});
