// Compiles src to plain ES modules and their types in dist.
import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { fileURLToPath } from "node:url";
import { configSchema } from "./config-schema.mjs";
import { WORKER_FILES } from "./worker-files.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
rmSync(`${here}dist`, { recursive: true, force: true });
for (const project of ["tsconfig.build.json", "tsconfig.cli.json"]) {
  execFileSync("tsc", ["-p", project], { cwd: here, stdio: "inherit" });
}

// The compiler rewrites `.ts` to `.js` in the imports of modules, but not in the imports of type
// files.
const all = readdirSync(`${here}dist`, { recursive: true });
for (const name of all.filter((name) => name.endsWith(".d.ts"))) {
  const types = readFileSync(`${here}dist/${name}`, "utf8");
  writeFileSync(`${here}dist/${name}`, types.replace(/(from "\.[./\w-]+)\.ts"/g, '$1.js"'));
}

// If an import path is computed at run time, the compiler wraps the path in a helper, because the
// path may end in `.ts`. The helper is removed here.
const wrapped = /__rewriteRelativeImportExtension\(((?:[^()]|\([^()]*\))*)\)/g;
for (const name of all.filter((name) => name.endsWith(".js"))) {
  const code = readFileSync(`${here}dist/${name}`, "utf8");
  writeFileSync(`${here}dist/${name}`, code.replace(wrapped, "$1"));
}

// `roomcast/worker` contains the built worker, and `dist/assets` the files of the console. Without a
// build, for example while only the client is worked on, the package lacks these files.
// `check-pack.mjs` rejects such a package.
for (const [from, to] of Object.entries(WORKER_FILES)) {
  const built = `${here}../build/${from}`;
  if (existsSync(built)) copyFileSync(built, `${here}dist/worker/${to}`);
}
const consoleFiles = `${here}../console/dist`;
if (existsSync(consoleFiles)) cpSync(consoleFiles, `${here}dist/assets`, { recursive: true });
copyFileSync(`${here}src/worker/roomcast.d.ts`, `${here}dist/worker/roomcast.d.ts`);

// npm packs only files in the package's own folder.
for (const license of ["LICENSE-MIT", "LICENSE-APACHE"]) {
  copyFileSync(`${here}../${license}`, `${here}${license}`);
}

// Beside package.json, it has a short path in the `$schema` of a configuration.
writeFileSync(`${here}config-schema.json`, `${JSON.stringify(configSchema(), null, 2)}\n`);
