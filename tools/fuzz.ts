// node tools/fuzz.ts [--for <seconds>] [--target <name>] [--keep]
//
// Runs each fuzz target for so many seconds. What it comes upon is in
// fuzz/target/corpus, and is begun from the next time; --keep puts what adds to
// the corpus of the repository there, which every test run plays again.
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    for: { type: "string", default: "60" },
    target: { type: "string", multiple: true },
    keep: { type: "boolean", default: false },
  },
});
const targets = values.target ?? readdirSync("fuzz/corpus").sort();

const run = (target: string, ...args: string[]): boolean => {
  // Without a sanitizer it is six times as quick, and there is nothing for one
  // to find: `unsafe` is denied.
  const fuzz = ["+nightly", "fuzz", "run", "--sanitizer=none", target, ...args];
  return spawnSync("nice", ["-n", "19", "cargo", ...fuzz], { stdio: "inherit" }).status === 0;
};

for (const target of targets) {
  const [found, kept] = [`fuzz/target/corpus/${target}`, `fuzz/corpus/${target}`];
  mkdirSync(found, { recursive: true });
  const bounds = ["-max_len=4096", "-timeout=20", `-max_total_time=${values.for}`];
  const found_nothing =
    run(target, found, kept, "--", "-dict=fuzz/words.dict", ...bounds, "-print_final_stats=1") &&
    (!values.keep || run(target, kept, found, "--", "-merge=1", "-max_len=1024"));
  if (!found_nothing) process.exit(1);
}
