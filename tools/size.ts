// node tools/size.ts
//
// Prints the size of the worker that `wrangler deploy` uploads, the part of it that is only there for
// Pusher's clients, and the size of the console's files, which are uploaded as static assets. Fails
// if wrangler can't build the worker.
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import binaryen from "binaryen";
import { generateBindings, optimize } from "./wasm.ts";

const TARGET_KB = 340;
const PUSHER_TARGET_KB = 20;
const OUT = ".wrangler/upload";
const CONSOLE = "console/dist";
const WITHOUT_PUSHER = "target/without-pusher";

/** The package declares these methods as a part of each module, where they are not. */
const functions = (binaryen as unknown as { Function: binaryen.Module["Function"] }).Function;

interface Size {
  raw: number;
  gzipped: number;
}

const uploaded = upload();
console.log(`${"upload".padEnd(16)}${"raw".padStart(12)}${"gzipped".padStart(12)}`);
for (const [name, size] of uploaded) row(name, size);
const total = sum(uploaded.values());
row("total", total);
target(total, TARGET_KB);

const worker = sizeOf(readFileSync("build/index_bg.wasm"));
const rest = sizeOf(withoutPusher());
const pusher = { raw: worker.raw - rest.raw, gzipped: worker.gzipped - rest.gzipped };
row("Pusher's part", pusher);
target(pusher, PUSHER_TARGET_KB);

const consoleFiles = readdirSync(CONSOLE, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map(({ parentPath, name }) => sizeOf(readFileSync(`${parentPath}/${name}`)));
row("console", sum(consoleFiles));

/** Returns the files that wrangler uploads, with their sizes. */
function upload(): Map<string, Size> {
  // Deletes the files of an earlier run. A new run would not overwrite them, because a file's name
  // contains a hash of its content.
  rmSync(OUT, { recursive: true, force: true });
  const wrangler = spawnSync("wrangler", ["deploy", "--dry-run", "--outdir", OUT], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (wrangler.status !== 0) {
    console.error(wrangler.stdout);
    process.exit(1);
  }
  const names = readdirSync(OUT).filter((name) => /\.(js|wasm)$/.test(name));
  // wrangler puts a hash of the content in front of the name.
  return new Map(
    names.map((name) => [
      name.replace(/^[0-9a-f]{40}-/, ""),
      sizeOf(readFileSync(`${OUT}/${name}`)),
    ]),
  );
}

/**
 * Builds the worker's module again without the functions of Pusher's protocol, and without what only
 * they use. Their calls in other functions remain.
 */
function withoutPusher(): Uint8Array {
  rmSync(WITHOUT_PUSHER, { recursive: true, force: true });
  mkdirSync(WITHOUT_PUSHER, { recursive: true });
  generateBindings(WITHOUT_PUSHER);
  const path = `${WITHOUT_PUSHER}/index_bg.wasm`;
  const module = binaryen.readBinary(readFileSync(path));
  for (let index = 0; index < module.getNumFunctions(); index++) {
    const each = module.getFunctionByIndex(index);
    const { name, module: importedFrom } = binaryen.getFunctionInfo(each);
    if (importedFrom || !/pusher/i.test(name)) continue;
    functions.setBody(each, module.unreachable());
  }
  // `optimize` orders the functions by their names.
  binaryen.setDebugInfo(true);
  writeFileSync(path, module.emitBinary());
  module.dispose();
  optimize(path);
  return readFileSync(path);
}

function sizeOf(bytes: Uint8Array): Size {
  return { raw: bytes.length, gzipped: gzipSync(bytes, { level: 9 }).length };
}

function sum(sizes: Iterable<Size>): Size {
  const total = { raw: 0, gzipped: 0 };
  for (const { raw, gzipped } of sizes) {
    total.raw += raw;
    total.gzipped += gzipped;
  }
  return total;
}

function row(name: string, { raw, gzipped }: Size): void {
  const kB = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`.padStart(12);
  console.log(`${name.padEnd(16)}${kB(raw)}${kB(gzipped)}`);
}

function target({ gzipped }: Size, most_kb: number): void {
  const missed = gzipped > most_kb * 1000 ? ": MISSED" : "";
  console.log(`target: at most ${most_kb} kB gzipped${missed}`);
}
