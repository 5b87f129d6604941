import { randomInt } from "node:crypto";
import type { TestContext } from "node:test";

/**
 * Returns a generator of random numbers from 0 to 1, and prints its seed. The environment variable
 * `SEED` sets the seed.
 */
export function seeded(t: TestContext): () => number {
  const seed = Number(process.env.SEED ?? randomInt(2 ** 31));
  t.diagnostic(`SEED=${seed}`);
  return randomFrom(seed);
}

export function randomFrom(seed: number): () => number {
  let state = seed;
  // mulberry32
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
