import assert from "node:assert/strict";
import { it } from "node:test";
import { Pace } from "../src/pace.ts";

/** How many may be sent at once. */
function burst(pace: Pace, now: number): number {
  let count = 0;
  while (pace.tryAcquire(now)) count++;
  return count;
}

it("is a burst below the room's limit, then less than its rate", () => {
  const pace = new Pace();
  assert.equal(burst(pace, 10_000), 90);
  assert.equal(burst(pace, 11_000), 45);
  const { resumeAt } = pace;
  assert.ok(resumeAt > 11_000 && resumeAt < 11_030);
  assert.equal(burst(pace, resumeAt), 1);
});

it("is none while the room asks to be left alone", () => {
  const pace = new Pace();
  pace.refused(10_000, 2_000);
  assert.equal(pace.resumeAt, 12_000);
  assert.equal(burst(pace, 11_900), 0);
  assert.equal(burst(pace, 12_000), 1);
});
