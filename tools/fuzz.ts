// node tools/fuzz.ts [--for <seconds>] [--target <name>] [--keep]
//
// Runs each fuzz target for so many seconds. What it comes upon is in
// fuzz/target/corpus, and is begun from the next time; --keep makes the corpus
// of the repository anew from all that, as few scripts as cover as much.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { isUtf8 } from "node:buffer";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    for: { type: "string", default: "60" },
    target: { type: "string", multiple: true },
    keep: { type: "boolean", default: false },
  },
});

for (const target of values.target ?? readdirSync("fuzz/corpus").sort()) {
  const [found, kept] = [`fuzz/target/corpus/${target}`, `fuzz/corpus/${target}`];
  mkdirSync(found, { recursive: true });
  const bounds = ["-max_len=4096", "-timeout=20", `-max_total_time=${values.for}`];
  fuzz(target, found, kept, "--", "-dict=fuzz/words.dict", "-print_final_stats=1", ...bounds);
  if (values.keep) keep(target, found, kept);
}

function fuzz(target: string, ...args: string[]): void {
  // Without a sanitizer it is six times as quick, and there is nothing for one
  // to find: `unsafe` is denied.
  const command = ["cargo", "+nightly", "fuzz", "run", "--sanitizer=none", target, ...args];
  const { status } = spawnSync("nice", ["-n", "19", ...command], { stdio: "inherit" });
  if (status !== 0) process.exit(1);
}

function keep(target: string, found: string, kept: string): void {
  const all = `fuzz/target/all/${target}`;
  rmSync(all, { recursive: true, force: true });
  mkdirSync(all, { recursive: true });
  for (const directory of [kept, found]) {
    for (const name of readdirSync(directory)) {
      const script = readFileSync(`${directory}/${name}`);
      writeFileSync(`${all}/${name}`, readable(script));
    }
  }
  rmSync(kept, { recursive: true });
  mkdirSync(kept);
  fuzz(target, kept, all, "--", "-set_cover_merge=1", "-use_counters=0", "-max_len=2048");
}

/** As far as a target reads it. */
function readable(script: Buffer): Buffer {
  let end = script.length;
  while (!isUtf8(script.subarray(0, end))) end--;
  return script.subarray(0, end);
}
