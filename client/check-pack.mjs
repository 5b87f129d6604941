// Checks that the published package contains exactly the compiled modules, their types, the README,
// the licences and package.json.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";

const [{ files, size }] = JSON.parse(
  execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], { encoding: "utf8" }),
);
const modules = readdirSync("src", { recursive: true })
  .filter((name) => name.endsWith(".ts"))
  .map((name) => name.replace(/\.ts$/, ""));
assert.deepEqual(
  files.map(({ path }) => path).sort(),
  [
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "package.json",
    ...modules.map((name) => `dist/${name}.js`),
    // Nothing imports the command line.
    ...modules.filter((name) => !name.startsWith("cli/")).map((name) => `dist/${name}.d.ts`),
  ].sort(),
);
console.log(`${files.length} files, ${(size / 1_000).toFixed(1)} kB packed`);
