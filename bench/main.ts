// node bench/main.ts [--runs <runs>] [--only <scenario,…>] [--peers <peer,…>] [--quick]
//                    [--out <directory>] [--from <results.json>]
//
// Compares Roomcast with its peers. A complete benchmark writes docs/benchmark.md and its pictures.
// It also writes the figures of every run to target/bench/results.json. A partial benchmark
// (`--only`, `--peers` or `--quick`) writes these files below target/bench/part, so that it never
// replaces the report of a complete benchmark. `--from` measures nothing: it writes the report from
// the figures of an earlier benchmark.
import { spawnSync } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { bench } from "./bench.ts";
import { peers } from "./peers/index.ts";
import { report } from "./report/report.ts";
import type { Results } from "./results.ts";
import { scenarios } from "./scenarios/index.ts";

const ROOT = resolve(import.meta.dirname, "..");
const WORK = join(ROOT, "target/bench");

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      runs: { type: "string", default: "5" },
      only: { type: "string" },
      peers: { type: "string" },
      quick: { type: "boolean", default: false },
      out: { type: "string" },
      from: { type: "string" },
    },
  });
  const isWhole = !values.quick && values.only === undefined && values.peers === undefined;
  const out = resolve(values.out ?? (isWhole ? ROOT : join(WORK, "part")));
  const results = values.from === undefined ? await measured() : await earlier(values.from);
  const files = report(results);
  for (const [path, text] of files) await write(join(out, path), text);
  if (results.failed.length > 0) process.exitCode = 1;
  console.log(`the report is ${join(out, "docs/benchmark.md")}`);

  async function measured(): Promise<Results> {
    const results = await bench({
      peers: chosen(values.peers, peers, "peer"),
      scenarios: chosen(values.only, scenarios, "scenario"),
      runs: number(values.runs),
      scale: values.quick ? "quick" : "full",
      log: (line) => console.log(line),
    });
    if (isWhole) results.worker = { gzipped_kb: gzippedKb() };
    const path = join(out === ROOT ? WORK : out, "results.json");
    await write(path, `${JSON.stringify(results, undefined, 1)}\n`);
    console.log(`the figures of every run are in ${path}`);
    return results;
  }
}

async function earlier(path: string): Promise<Results> {
  return JSON.parse(await readFile(path, "utf8"));
}

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

/** Runs the tool of `make size`, and returns the total size that the tool prints. */
function gzippedKb(): number {
  const { stdout } = spawnSync("node", ["tools/size.ts"], { cwd: ROOT, encoding: "utf8" });
  const total = /^total +[\d.]+ kB +([\d.]+) kB$/m.exec(stdout)?.[1];
  if (total === undefined) throw new Error(`make size printed: ${stdout}`);
  return Number(total);
}

function number(text: string): number {
  const value = Number(text);
  if (!(Number.isInteger(value) && value >= 1))
    throw new Error(`--runs ${text}: expected a whole number of at least 1`);
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
          throw new Error(
            `there is no ${kind} ${name}: use ${all.map(({ name }) => name).join(", ")}`,
          );
        return found;
      });
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1); // Ends the servers and threads that are still running.
});
