// node torture/main.ts [--seed <number>] [--only <suite>,…] [--for <seconds>] [--short]
//
// Runs the torture suites one after another. Writes the results to torture/results.json, and
// generates docs/torture.md from that file. A short run writes nothing.
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { SUITES } from "./suites.ts";
import { cells, record } from "./report.ts";
import { type Result, run } from "./run.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: String(randomInt(2 ** 31)) },
    only: { type: "string", default: Object.keys(SUITES).join(",") },
    for: { type: "string" },
    short: { type: "boolean", default: false },
  },
});
const suites = values.only.split(",");
const unknown = suites.filter((suite) => !(suite in SUITES));
if (unknown.length > 0) {
  console.error(`--only ${unknown}: expected some of ${Object.keys(SUITES).join(", ")}`);
  process.exit(1);
}
const seed = Number(values.seed);
const seconds = values.for === undefined ? undefined : Number(values.for);
if (!Number.isSafeInteger(seed) || !(seconds === undefined || seconds > 0)) {
  console.error("--seed must be a whole number, and --for a number of seconds");
  process.exit(1);
}

// Exit handlers end the child processes, so a signal must lead to a normal exit.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.on(signal, () => process.exit(130));

console.log(`--seed ${seed}`);
const results: Result[] = [];
for (const suite of suites) {
  const result = await run({ suite, seed, short: values.short, seconds });
  results.push(result);
  console.log(`\n${cells(result).join("\n  ")}`);
}
if (!values.short) record(results);
if (results.some(({ failed }) => failed !== undefined)) process.exitCode = 1;
