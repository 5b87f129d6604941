// Checks that the published package contains exactly the compiled modules, their types, the README,
// the built worker, the console, the schema, the licences and package.json.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { WORKER_FILES } from "./worker-files.mjs";

const [{ files, size }] = JSON.parse(
  execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], { encoding: "utf8" }),
);
const modules = readdirSync("src", { recursive: true })
  .filter((name) => name.endsWith(".ts") && !name.endsWith(".d.ts"))
  .map((name) => name.replace(/\.ts$/, ""));
const CONSOLE = "../console/dist";
const consoleFiles = readdirSync(CONSOLE, { recursive: true }).filter((name) =>
  statSync(`${CONSOLE}/${name}`).isFile(),
);
assert.deepEqual(
  files.map(({ path }) => path).sort(),
  [
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "config-schema.json",
    "package.json",
    ...modules.map((name) => `dist/${name}.js`),
    // Nothing imports the command line.
    ...modules.filter((name) => !name.startsWith("cli/")).map((name) => `dist/${name}.d.ts`),
    ...Object.values(WORKER_FILES).map((name) => `dist/worker/${name}`),
    "dist/worker/roomcast.d.ts",
    ...consoleFiles.map((name) => `dist/assets/${name}`),
  ].sort(),
);
// The package must contain the worker that the tests have run, and not an earlier build.
for (const [from, to] of Object.entries(WORKER_FILES)) {
  const [built, packed] = [readFileSync(`../build/${from}`), readFileSync(`dist/worker/${to}`)];
  assert(built.equals(packed), `dist/worker/${to} is not build/${from}: run make build`);
}
for (const name of consoleFiles) {
  const [built, packed] = [readFileSync(`${CONSOLE}/${name}`), readFileSync(`dist/assets/${name}`)];
  assert(built.equals(packed), `dist/assets/${name} is not console/dist/${name}: run make client`);
}
const licenses = readFileSync("dist/worker/LICENSES.txt", "utf8");
for (const crate of ["worker", "serde_json", "jwt-compact", "wasm-bindgen"])
  assert.match(licenses, new RegExp(`^${crate} \\d`, "m"));
console.log(`${files.length} files, ${(size / 1_000).toFixed(1)} kB packed`);
