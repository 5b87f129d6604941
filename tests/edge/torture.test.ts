/** Every part of `make torture`, with next to nothing of each: that they can run, and find nothing. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PARTS } from "../../torture/parts.ts";
import { run } from "../../torture/run.ts";
import { seeded } from "./random.ts";

describe("torture, in short", { concurrency: 3 }, () => {
  for (const part of Object.keys(PARTS)) {
    test(part, async (t) => {
      const seed = Math.floor(seeded(t)() * 2 ** 31);
      const { outcome, skipped, failed } = await run({ part, seed, short: true });
      if (skipped !== undefined) return t.skip(skipped);
      assert.equal(failed, undefined, failed);
      t.diagnostic(JSON.stringify(outcome));
    });
  }
});
