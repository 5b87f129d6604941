// node tools/fuzz.ts [--for <seconds>] [--target <name>] [--update]
//
// Runs each fuzz target for some seconds. Stores inputs that reach new code in fuzz/target/corpus.
// The next run starts with these inputs too. The option --update adds these inputs to the corpus of
// the repository. The option also removes the inputs that cover no additional code.
//
// The file fuzz/corpus/<target>.jsonl has one input per line, as a JSON string. libFuzzer reads a
// directory with one file for each input, so this tool unpacks the inputs to fuzz/target/unpacked.
import { spawnSync } from "node:child_process";
import { isUtf8 } from "node:buffer";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    for: { type: "string", default: "60" },
    target: { type: "string", multiple: true },
    update: { type: "boolean", default: false },
  },
});

const targets = readdirSync("fuzz/targets").map((file) => file.replace(/\.rs$/, ""));
for (const target of values.target ?? targets.sort()) {
  const packed = `fuzz/corpus/${target}.jsonl`;
  const [found, unpacked] = [`fuzz/target/corpus/${target}`, `fuzz/target/unpacked/${target}`];
  clear(unpacked);
  write(unpacked, unpack(packed));
  mkdirSync(found, { recursive: true });
  const bounds = ["-max_len=4096", "-timeout=20", `-max_total_time=${values.for}`];
  fuzz(target, found, unpacked, "--", "-dict=fuzz/words.dict", "-print_final_stats=1", ...bounds);
  if (!values.update) continue;
  write(unpacked, read(found));
  const merged = `fuzz/target/merged/${target}`;
  clear(merged);
  fuzz(target, merged, unpacked, "--", "-set_cover_merge=1", "-use_counters=0", "-max_len=2048");
  pack(packed, read(merged));
}

function fuzz(target: string, ...args: string[]): void {
  // Without a sanitizer, fuzzing is six times as fast. A sanitizer would find nothing, because the
  // crate denies `unsafe` code.
  const command = ["cargo", "+nightly", "fuzz", "run", "--sanitizer=none", target, ...args];
  const { status } = spawnSync("nice", ["-n", "19", ...command], { stdio: "inherit" });
  if (status !== 0) process.exit(1);
}

function unpack(file: string): string[] {
  const lines = readFileSync(file, "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as string);
}

/**
 * Writes each input once, in sorted order, so that the file does not depend on the order of
 * discovery.
 */
function pack(file: string, inputs: string[]): void {
  const lines = [...new Set(inputs)].sort().map((input) => `${JSON.stringify(input)}\n`);
  writeFileSync(file, lines.join(""));
}

function clear(directory: string): void {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
}

function read(directory: string): string[] {
  return readdirSync(directory).map((name) => text(readFileSync(`${directory}/${name}`)));
}

function write(directory: string, inputs: string[]): void {
  const first = readdirSync(directory).length;
  for (const [i, input] of inputs.entries()) writeFileSync(`${directory}/${first + i}`, input);
}

/**
 * Returns the part of an input that a target reads: everything before the first byte that is not
 * UTF-8.
 */
function text(input: Buffer): string {
  let end = input.length;
  while (!isUtf8(input.subarray(0, end))) end--;
  return input.toString("utf8", 0, end);
}
