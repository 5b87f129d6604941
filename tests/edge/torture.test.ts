/** Every suite of `make torture`, with next to nothing of each: that they can run, and find nothing. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SUITES } from "../../torture/suites.ts";
import { run } from "../../torture/run.ts";
import { seeded } from "./random.ts";

describe("torture, in short", { concurrency: 3 }, () => {
  for (const suite of Object.keys(SUITES)) {
    test(suite, async (t) => {
      const seed = Math.floor(seeded(t)() * 2 ** 31);
      const { outcome, skipped, failed } = await run({ suite, seed, short: true });
      if (skipped !== undefined) return t.skip(skipped);
      assert.equal(failed, undefined, failed);
      t.diagnostic(JSON.stringify(outcome));
    });
  }
});
