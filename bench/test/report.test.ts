/**
 * Tests that the report is generated from the results, and that docs/benchmark.md has the text of
 * bench/report.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, test } from "node:test";
import { aims, isMet } from "../report/aims.ts";
import { report } from "../report/report.ts";
import { sections } from "../report/sections.ts";
import { Table } from "../report/table.ts";
import type { Measured, Results } from "../results.ts";
import type { Figures } from "../scenarios/scenario.ts";

const ROOT = resolve(import.meta.dirname, "../..");

const measured = (run: number, scenario: string, peer: string, figures: Figures): Measured => ({
  run,
  scenario,
  peer,
  figures,
});

const tokenFigures = (first: number, again: number): Figures => ({
  first_use_us_per_publish: first,
  again_us_per_publish: again,
});

/** Results of two peers, three scenarios and three runs. One measurement failed. */
const RESULTS: Results = {
  date: "2026-11-22T08:10:51.053Z",
  scale: "full",
  runs: 3,
  took_s: 2250,
  machine: { cpu: "CPU", cores: 4, memory_gib: 24, system: "linux 6", node: "22.0.0" },
  peers: [
    { name: "roomcast", title: "Roomcast", version: "0.1.0", setup: "defaults", lacks: [] },
    { name: "plain", title: "plain object", version: "1", setup: "60 lines", lacks: ["tokens"] },
  ],
  worker: { gzipped_kb: 321.9 },
  measured: [
    measured(1, "burst", "roomcast", { deliveries_per_s: 1000, load_busiest: 0.5 }),
    measured(1, "burst", "plain", { deliveries_per_s: 100, load_busiest: 0.86 }),
    measured(2, "burst", "roomcast", { deliveries_per_s: 90 }),
    measured(2, "burst", "plain", { deliveries_per_s: 10, load_busiest: 0.9 }),
    measured(3, "burst", "roomcast", { deliveries_per_s: 5000 }),
    measured(3, "burst", "plain", { deliveries_per_s: 200, load_busiest: 0.85 }),
    measured(1, "rows", "roomcast", { at: "single", rows_per_million_events: 1e6 }),
    measured(1, "rows", "plain", { at: "single", rows_per_million_events: 2e6 }),
    measured(1, "token", "roomcast", { ...tokenFigures(1200, 900), at: "HS256" }),
    measured(1, "token", "roomcast", { ...tokenFigures(2000, 900), at: "RS256" }),
  ],
  failed: [{ run: 2, scenario: "rows", peer: "plain", why: "not done within 180 s\nstack" }],
};

describe("the report", () => {
  const files = report(RESULTS);
  const text = files.get("docs/benchmark.md")!;

  test("shows the median, the minimum and the maximum of all runs", () => {
    const rows = text.split("\n").filter((line) => line.startsWith("| Roomcast | "));
    assert.deepEqual(rows, [
      "| Roomcast | 0.1.0 | defaults | – |",
      "| Roomcast | 1,000 (90 to 5,000) | – | – |",
      "| Roomcast | – | – | 1,000,000 |",
    ]);
  });

  test("has one table with a row for each part of a scenario of Roomcast alone", () => {
    const section = text.split("## The cost of a token")[1]!.split("## ")[0]!;
    const [, , ...rows] = section.split("\n").filter((line) => line.startsWith("| "));
    assert.deepEqual(rows, [
      "| HS256 | 1,200 | 900 | 300 | 25 |",
      "| RS256 | 2,000 | 900 | 1,100 | 55 |",
    ]);
  });

  test("has a section for each scenario with results, and links to each of its pictures", () => {
    const titles = [...text.matchAll(/^## (.*)$/gm)].map(([, title]) => title);
    assert.deepEqual(titles, [
      "Aims",
      "Peers",
      "Burst fan-out",
      "The cost of a token",
      "Billed rows",
    ]);
    const pictures = [...text.matchAll(/\((images\/.*?)\)/g)].map(([, path]) => `docs/${path}`);
    assert.deepEqual(
      pictures.sort(),
      [...files.keys()].filter((path) => path.endsWith(".svg")).sort(),
    );
  });

  test("draws the median of the ratios within each run", () => {
    const picture = files.get("docs/images/benchmark-burst.svg")!;
    assert.match(picture, />10\.0×</);
  });

  test("names the scenarios with fewer runs, and the duration", () => {
    assert.match(text, /repeats the benchmark in 38 minutes,/);
    assert.match(text, /fewer runs: The cost of a token 1, Billed rows 1\. Figures/);
  });

  test("names the failed measurements, and each busy scenario once, with its maximum", () => {
    assert.match(text, /\*\*Failed\*\*: rows with plain in run 2: not done within 180 s\n/);
    assert.match(text, /may have been the bottleneck: burst with plain \(90 %\)\n/);
  });
});

test("docs/benchmark.md has the current text of each section that it shows", () => {
  const page = readFileSync(resolve(ROOT, "docs/benchmark.md"), "utf8");
  const shown = sections.filter(({ title }) => page.includes(`\n## ${title}\n`));
  for (const { title, text } of shown) assert(page.includes(`## ${title}\n\n${text}\n`), title);
  const titles = [...page.matchAll(/^## (.*)$/gm)].map(([, title]) => title);
  assert.deepEqual(titles, ["Aims", "Peers", ...shown.map(({ title }) => title)]);
  for (const [, path] of page.matchAll(/\((images\/.*?)\)/g))
    assert(readFileSync(resolve(ROOT, "docs", path!)).length > 0, path);
});

test("the README and the docs have the figures of docs/benchmark.md", () => {
  const page = readFileSync(resolve(ROOT, "docs/benchmark.md"), "utf8");
  /** Returns the medians of the rows with this label in a section. */
  const rows = (title: string, label: string): number[][] => {
    const section = page.split(`\n## ${title}\n`)[1]!.split("\n## ")[0]!;
    const labelled = section.split("\n").filter((line) => line.startsWith(`| ${label} | `));
    return labelled.map((line) =>
      line.split(" | ").map((cell) => Number.parseFloat(cell.replaceAll(",", ""))),
    );
  };
  const aim = (label: string): string =>
    page
      .split("\n")
      .find((line) => line.startsWith(`| ${label}`))!
      .split(" | ")[2]!;
  const times = (label: string, digits: number): string =>
    Number.parseFloat(aim(label)).toFixed(digits);
  const tens = (number: number): string => (Math.round(number / 10) * 10).toLocaleString("en");

  const burst = (peer: string): number => rows("Burst fan-out", peer)[0]![1]!;
  const [, own, connection, , stream] = rows("Bridges", "Roomcast")[0]!;
  const [, , perEvent] = rows("Large rooms", "1000 sockets")[0]!;
  const [, small, large] = rows("Paced fan-out", "Roomcast");
  const [, pusher] = rows("Pusher's clients", "Roomcast");
  const verifying = (key: string): string => tens(rows("The cost of a token", key)[0]![3]!);
  const figures: Record<string, string[]> = {
    "README.md": [
      `${times("burst", 0)} times as many events a second as from a plain Durable Object`,
      `${(burst("Roomcast") / burst("Socket.IO")).toFixed(0)} times as many as from Socket.IO`,
      `costs ${times("CPU per HTTP publish, 1 publisher", 1)} times the CPU of the plain object`,
      `a join ${times("CPU per join", 1)} times`,
    ],
    "docs/costs.md": [
      `about ${tens(connection! - own!)} µs to a connection`,
      `${tens(stream! - own!)} µs to a stream`,
      `takes about ${tens(pusher![4]! - small![4]!)} µs`,
      `takes ${Math.round(perEvent!)} ms`,
    ],
    "docs/monitor.md": [`${Math.round(large!.at(-1)!)} to ${Math.round(small!.at(-1)!)} kB`],
    "docs/tokens.md": ["HS256", "EdDSA", "RS256", "ES256"].map(
      (key) => `${verifying(key)} µs with ${key}`,
    ),
  };
  for (const [path, texts] of Object.entries(figures)) {
    const text = readFileSync(resolve(ROOT, path), "utf8");
    for (const figure of texts) assert(text.includes(figure), `${path}: ${figure}`);
  }
});

describe("an aim", () => {
  test("is compared with the median of the ratios within each run", () => {
    const [aim, ...others] = aims(new Table(RESULTS), RESULTS.worker);
    assert.deepEqual(
      others.map(({ what }) => what),
      ["upload of a deploy, gzipped", "rows for a million single events"],
    );
    assert.deepEqual(aim!.measured, { median: 10, min: 9, max: 25 });
    assert.equal(isMet({ ...aim!, bound: 10 }), true);
    assert.equal(isMet({ ...aim!, bound: 10.1 }), false);
    assert.equal(isMet({ ...aim!, side: "at most", bound: 9.9 }), false);
  });

  test("has a unit, and its minimum and maximum if they differ", () => {
    const text = report(RESULTS).get("docs/benchmark.md")!;
    const rows = text.split("\n").filter((line) => / (met|\*\*missed\*\*) \|$/.test(line));
    assert.deepEqual(rows, [
      "| burst: events delivered per second, relative to the plain object | at least 40.0× | 10.0× (9.00× to 25.0×) | **missed** |",
      "| upload of a deploy, gzipped | at most 340 kB | 321.9 kB | met |",
      "| rows for a million single events | at most 1,000,000 | 1,000,000 | met |",
    ]);
  });
});
