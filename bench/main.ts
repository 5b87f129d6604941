// node bench/main.ts [--runs <runs>] [--only <scenario,…>] [--peers <peer,…>] [--quick] [--out <directory>]
//
// Compares Roomcast with its peers. All of it goes to bench/results.json and
// to the report in docs; a part of it goes below .tools/bench, so that it
// never takes the place of all.
import { spawnSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { bench } from "./bench.ts";
import { peers } from "./peers/index.ts";
import { report } from "./report/report.ts";
import { scenarios } from "./scenarios/index.ts";

const ROOT = resolve(import.meta.dirname, "..");
const RESULTS = "bench/results.json";

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      runs: { type: "string", default: "5" },
      only: { type: "string" },
      peers: { type: "string" },
      quick: { type: "boolean", default: false },
      out: { type: "string" },
    },
  });
  const isAll = !values.quick && values.only === undefined && values.peers === undefined;
  const out = resolve(values.out ?? (isAll ? ROOT : join(ROOT, ".tools/bench")));
  const results = await bench({
    peers: chosen(values.peers, peers, "peer"),
    scenarios: chosen(values.only, scenarios, "scenario"),
    runs: number(values.runs),
    scale: values.quick ? "quick" : "full",
    tell: (line) => console.log(line),
  });
  if (isAll) results.worker = { gzipped_kb: gzippedKb() };
  const files = report(results).set(RESULTS, `${JSON.stringify(results, undefined, 1)}\n`);
  for (const [path, text] of files) {
    await mkdir(dirname(join(out, path)), { recursive: true });
    await writeFile(join(out, path), text);
  }
  if (results.failed.length > 0) process.exitCode = 1;
  console.log(`the report is ${join(out, "docs/benchmark.md")}`);
}

/** What `make size` prints last. */
function gzippedKb(): number {
  const { stdout } = spawnSync("node", ["tools/size.ts"], { cwd: ROOT, encoding: "utf8" });
  const together = /^together +[\d.]+ kB +([\d.]+) kB$/m.exec(stdout)?.[1];
  if (together === undefined) throw new Error(`make size printed: ${stdout}`);
  return Number(together);
}

function number(text: string): number {
  const value = Number(text);
  if (!(Number.isInteger(value) && value >= 1)) throw new Error(`--runs ${text}: takes 1 or more`);
  return value;
}

function chosen<T extends { name: string }>(
  names: string | undefined,
  all: readonly T[],
  kind: string,
): readonly T[] {
  return names === undefined
    ? all
    : names.split(",").map((name) => {
        const found = all.find((one) => one.name === name);
        if (!found)
          throw new Error(`no ${kind} ${name}: there is ${all.map(({ name }) => name).join(", ")}`);
        return found;
      });
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1); // Whatever still runs ends with it.
});
