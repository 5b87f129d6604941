/** The report is what the results say: nobody has written into it. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, test } from "node:test";
import { aims, isMet } from "../report/aims.ts";
import { report } from "../report/report.ts";
import { Table } from "../report/table.ts";
import type { Results } from "../results.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const RESULTS = resolve(ROOT, "bench/results.json");

test("the report in docs is that of the results beside it", () => {
  const results: Results = JSON.parse(readFileSync(RESULTS, "utf8"));
  for (const [path, text] of report(results)) {
    assert.equal(readFileSync(resolve(ROOT, path), "utf8"), text, path);
  }
});

describe("an aim", () => {
  const burst = (run: number, peer: string, deliveries_per_s: number) => ({
    run,
    scenario: "burst",
    peer,
    figures: { deliveries_per_s },
  });

  test("is held against the median of the ratios within each run", () => {
    const measured = [
      ...[burst(1, "roomcast", 1000), burst(1, "plain", 100)],
      ...[burst(2, "roomcast", 90), burst(2, "plain", 10)],
      ...[burst(3, "roomcast", 5000), burst(3, "plain", 200)],
    ];
    const [aim, ...others] = aims(new Table({ measured } as unknown as Results));
    assert.deepEqual(others, []);
    assert.deepEqual(aim!.measured, { median: 10, min: 9, max: 25 });
    assert.equal(isMet(aim!), true);
    assert.equal(isMet({ ...aim!, bound: 10.1 }), false);
    assert.equal(isMet({ ...aim!, side: "at most", bound: 9.9 }), false);
  });
});
