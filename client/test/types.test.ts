/** Compiles the package's types in each environment of an app, with all libraries checked. */
import { readFileSync } from "node:fs";
import { it } from "node:test";
import { compilerIn } from "./compile.ts";

const compile = compilerIn("types");

const strictest = {
  target: "es2022",
  module: "esnext",
  moduleResolution: "bundler",
  jsx: "react-jsx",
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  verbatimModuleSyntax: true,
  isolatedModules: true,
  skipLibCheck: false,
  noEmit: true,
  lib: ["es2022"],
  types: [] as string[],
};

const environments = {
  "a page": [{ lib: ["es2022", "dom"] }, "app.ts", "hooks.tsx"],
  "a page, resolved as Node does": [
    { lib: ["es2022", "dom"], module: "nodenext", moduleResolution: "nodenext" },
    "app.ts",
    "hooks.tsx",
  ],
  "a web worker": [{ lib: ["es2022", "webworker"] }, "app.ts"],
  "a Cloudflare worker": [{ types: ["@cloudflare/workers-types"] }, "app.ts"],
  "a Cloudflare worker that renders": [{ types: ["@cloudflare/workers-types"] }, "hooks.tsx"],
  "a Node server": [{ types: ["node"] }, "app.ts"],
  "a Node server with a WebSocket of its own": [{ types: ["node"] }, "node.ts"],
} as const;

for (const [environment, [options, ...names]] of Object.entries(environments)) {
  it(`are correct in ${environment}`, () => {
    const read = (name: string) => readFileSync(new URL(`types/${name}`, import.meta.url), "utf8");
    const files = Object.fromEntries(names.map((name) => [name, read(name)]));
    compile(environment.replace(/\W+/g, "-"), files, {
      compilerOptions: { ...strictest, ...options },
    });
  });
}
