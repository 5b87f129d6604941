// node tools/size.ts
//
// Weighs what `wrangler deploy` would upload, and so tries that it would.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { gzipSync } from "node:zlib";

const AIM_KB = 300;
const OUT = ".wrangler/upload";

rmSync(OUT, { recursive: true, force: true }); // a file's name changes with its content
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
  // wrangler puts a hash of the content before the name.
  row(name.replace(/^[0-9a-f]{40}-/, ""), bytes.length, small);
  raw += bytes.length;
  gzipped += small;
}
row("together", raw, gzipped);
console.log(`aim: at most ${AIM_KB} kB gzipped${gzipped > AIM_KB * 1000 ? ": MISSED" : ""}`);
