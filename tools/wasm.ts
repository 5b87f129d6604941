/** Steps from the module that cargo compiles to the module that is deployed. */
import { execFileSync } from "node:child_process";

const COMPILED = "target/wasm32-unknown-unknown/release/roomcast.wasm";

// The features that rustc and bindgen emit. wasm-opt may know newer ones that workerd does not
// support.
const FEATURES = [
  "mutable-globals",
  "sign-ext",
  "nontrapping-float-to-int",
  "bulk-memory",
  "multivalue",
  "reference-types",
  "exception-handling",
];

/** Functions of classes that the `worker` crate exports, and that the entry does not use. */
const UNUSED_EXPORTS = [
  "*containerstartupoptions*",
  "*intounderlying*",
  "*minifyconfig*",
  "*r2range*",
];

/** Writes `index.js` and `index_bg.wasm` for the compiled worker into a directory. */
export function generateBindings(directory: string): void {
  const bindgen = ["--manifest-path=tools/bindgen/Cargo.toml", "--target-dir=target/bindgen"];
  run("cargo", "run", "--locked", "--release", ...bindgen, "--", COMPILED, directory);
}

/** Optimizes the size of a module in place. */
export function optimize(wasm: string): void {
  const features = FEATURES.map((feature) => `--enable-${feature}`);
  const unused = UNUSED_EXPORTS.map((pattern) => `--remove-exports=${pattern}`);
  // Functions with similar names have similar code, which compresses better side by side.
  const passes = [...unused, "--converge", "-Oz", "--reorder-functions-by-name"];
  run("wasm-opt", ...features, ...passes, "--output", wasm, wasm);
}

/** Runs a command with the output of this process. Throws if it fails. */
export function run(command: string, ...args: string[]): void {
  execFileSync(command, args, { stdio: "inherit" });
}
