/**
 * Runs every suite of `make torture` in its short form. Checks that each suite works and finds no
 * fault.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { run } from "../../torture/run.ts";
import { SUITES } from "../../torture/suites.ts";
import { seeded } from "./random.ts";

describe("the short form of a torture suite finds no fault", { concurrency: 3 }, () => {
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
