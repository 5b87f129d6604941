// node tools/build.ts
//
// Builds the worker into build/: index.js, index_bg.wasm, and LICENSES.txt with the licenses of its
// crates. An interrupted build leaves the previous one as it was.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { buildSync } from "esbuild";
import { generateBindings, optimize, run } from "./wasm.ts";

const OUT = "build";
const STAGING = "target/worker";
const PREVIOUS = "target/worker-previous";

checkVersions();
rmSync(STAGING, { recursive: true, force: true });
compile();
generateBindings(STAGING);
bundle();
optimize(`${STAGING}/index_bg.wasm`);
writeFileSync(`${STAGING}/LICENSES.txt`, licenses());
replaceOutput();

/** Ends the build unless bindgen has the version with which the worker is compiled. */
function checkVersions(): void {
  const library = lockedVersion("Cargo.lock", "wasm-bindgen");
  const tool = lockedVersion("tools/bindgen/Cargo.lock", "wasm-bindgen-cli-support");
  if (library === tool) return;
  console.error(
    `Cargo.lock has wasm-bindgen ${library}, but tools/bindgen has wasm-bindgen-cli-support ${tool}: ` +
      `set the version ${library} in tools/bindgen/Cargo.toml, then run cargo update there.`,
  );
  process.exit(1);
}

function lockedVersion(lock: string, crate: string): string | undefined {
  const packages = readFileSync(lock, "utf8").replaceAll("\r", "");
  return packages.match(new RegExp(`^name = "${crate}"\nversion = "(.*)"$`, "m"))?.[1];
}

function compile(): void {
  // Without this variable, the generated code needs a second crate for promises.
  process.env.WASM_BINDGEN_USE_JS_SYS = "1";
  run("cargo", "build", "--locked", "--release", "--lib", "--target=wasm32-unknown-unknown");
}

/** Bundles the entry, the generated code and the snippets of crates into one module. */
function bundle(): void {
  const generated = resolve(STAGING, "index.js");
  const code = readFileSync(generated, "utf8")
    // The runtime has no source phase imports. It loads a module of WebAssembly by a plain import.
    .replace("import source ", "import ")
    // Without these side effects, esbuild removes the classes of the worker crate that are not used.
    .replaceAll(/^if \(Symbol\.dispose\) .*;$/gm, "")
    .replaceAll("new FinalizationRegistry(", "/* @__PURE__ */ new FinalizationRegistry(");
  writeFileSync(generated, code);
  buildSync({
    absWorkingDir: resolve(STAGING),
    entryPoints: [resolve("src/edge/entry.js")],
    alias: { wasm: generated },
    inject: [resolve("src/edge/microtask.js")],
    external: ["cloudflare:workers", "./index_bg.wasm"],
    outfile: "index.js",
    allowOverwrite: true,
    bundle: true,
    minify: true,
    format: "esm",
  });
  rmSync(`${STAGING}/snippets`, { recursive: true });
}

function licenses(): Buffer {
  return execFileSync(process.execPath, ["tools/licenses.ts"]);
}

/** Moves the previous build away first, because a directory can't replace a full one. */
function replaceOutput(): void {
  rmSync(PREVIOUS, { recursive: true, force: true });
  if (existsSync(OUT)) renameSync(OUT, PREVIOUS);
  renameSync(STAGING, OUT);
}
