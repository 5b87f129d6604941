// node tools/size.ts
//
// Prints the size of the worker that `wrangler deploy` uploads, and of the console's files, which are
// uploaded as static assets. Fails if wrangler can't build the worker.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { gzipSync } from "node:zlib";

const TARGET_KB = 340;
const OUT = ".wrangler/upload";
const CONSOLE = "console/dist";

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

const row = (name: string, raw: number, gzipped: number) =>
  console.log(`${name.padEnd(12)}${kB(raw)}${kB(gzipped)}`);
const kB = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`.padStart(12);

console.log(`${"upload".padEnd(12)}${"raw".padStart(12)}${"gzipped".padStart(12)}`);
let raw = 0;
let gzipped = 0;
for (const name of readdirSync(OUT).filter((name) => /\.(js|wasm)$/.test(name))) {
  const bytes = readFileSync(`${OUT}/${name}`);
  const small = gzipSync(bytes, { level: 9 }).length;
  // wrangler puts a hash of the content in front of the name.
  row(name.replace(/^[0-9a-f]{40}-/, ""), bytes.length, small);
  raw += bytes.length;
  gzipped += small;
}
row("total", raw, gzipped);
console.log(
  `target: at most ${TARGET_KB} kB gzipped${gzipped > TARGET_KB * 1000 ? ": MISSED" : ""}`,
);

const consoleFiles = readdirSync(CONSOLE, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map(({ parentPath, name }) => readFileSync(`${parentPath}/${name}`));
const sum = (sizes: number[]) => sizes.reduce((total, size) => total + size, 0);
row(
  "console",
  sum(consoleFiles.map(({ length }) => length)),
  sum(consoleFiles.map((bytes) => gzipSync(bytes, { level: 9 }).length)),
);
