import assert from "node:assert/strict";
import { it } from "node:test";
import { RateLimiter } from "../../src/connection/rate-limiter.ts";

/** Returns the number of sends that are allowed now. */
function burst(limiter: RateLimiter, now: number): number {
  let count = 0;
  while (limiter.tryAcquire(now)) count++;
  return count;
}

it("allows a burst below the room's limit, then less than its rate", () => {
  const limiter = new RateLimiter();
  assert.equal(burst(limiter, 10_000), 90);
  assert.equal(burst(limiter, 11_000), 45);
  const { resumeAt } = limiter;
  assert.ok(resumeAt > 11_000 && resumeAt < 11_030);
  assert.equal(burst(limiter, resumeAt), 1);
});

it("allows nothing until the room's retry time", () => {
  const limiter = new RateLimiter();
  limiter.onRefusal(10_000, 2_000);
  assert.equal(limiter.resumeAt, 12_000);
  assert.equal(burst(limiter, 11_900), 0);
  assert.equal(burst(limiter, 12_000), 1);
});
