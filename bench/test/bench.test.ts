/**
 * Runs all scenarios at the smallest scale. This tests the benchmark itself, not the speed of the
 * peers.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { bench } from "../bench.ts";
import { peers } from "../peers/index.ts";
import { report } from "../report/report.ts";
import { sections } from "../report/sections.ts";
import { scenarios } from "../scenarios/index.ts";

/** Roomcast, another peer on workerd, and a peer on Node. */
const FEW = ["roomcast", "plain", "ws"];

test("every scenario returns figures, and the report shows them", async () => {
  const few = peers.filter(({ name }) => FEW.includes(name));
  const results = await bench({ peers: few, scenarios, runs: 1, scale: "smoke", log() {} });

  assert.deepEqual(results.failed, []);
  for (const scenario of scenarios) {
    for (const { name, can } of few) {
      const takesPart = scenario.needs.every((need) => can.has(need));
      const measured = results.measured.filter(
        (one) => one.scenario === scenario.name && one.peer === name,
      );
      assert.equal(measured.length > 0, takesPart, `${scenario.name} with ${name}`);
      for (const { at, ...figures } of measured.map(({ figures }) => figures)) {
        for (const [figure, value] of Object.entries(figures)) {
          if (value === undefined) continue;
          assert(Number.isFinite(value), `${scenario.name} with ${name}: ${figure} is ${value}`);
        }
      }
    }
  }

  const rows = results.measured.filter(({ scenario }) => scenario === "rows");
  const perMillion = Object.fromEntries(
    rows.map(({ peer, figures }) => [`${peer} ${figures.at}`, figures.rows_per_million_events]),
  );
  assert.deepEqual(perMillion, {
    "roomcast single": 1_000_000,
    "roomcast batches of 100": 10_000,
    "plain single": 1_000_000,
    "plain batches of 100": 1_000_000,
  });

  const files = report(results);
  const text = files.get("docs/benchmark.md")!;
  for (const { title } of sections) assert(text.includes(`## ${title}`), title);
  for (const [, path] of text.matchAll(/\((images\/.*?)\)/g)) {
    assert(files.has(`docs/${path}`), path);
  }
});
