/** Compiles the code in the documentation, and compares its recipes with the tested recipes. */
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { it } from "node:test";
import { codeOf, PLACES } from "../docs/recipes.ts";
import { compilerIn } from "./compile.ts";

const root = new URL("../", import.meta.url);
const compile = compilerIn("docs");

const pages = [
  "../README.md",
  "README.md",
  ...readdirSync(new URL("docs/", root))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];

/**
 * Returns the code blocks of a page as modules. A comment in the page contains the declarations
 * that all blocks use.
 */
function blocksOf(page: string): Record<string, string> {
  const text = readFileSync(new URL(page, root), "utf8");
  const [, given = ""] = /<!-- given to each block:\n([^]*?)-->/.exec(text) ?? [];
  const blocks = [...text.matchAll(/```(tsx?)\n([^]*?)```/g)].map(([, language, code], n) => [
    `block-${n}.${language}`,
    `${code}\nexport {};\n`,
  ]);
  return { "given.d.ts": given, ...Object.fromEntries(blocks) };
}

// The code blocks of recipes.md are files, which are compiled below.
for (const page of pages.filter((page) => page !== "docs/recipes.md")) {
  it(`${page} compiles`, () =>
    compile(page.replace(/\W/g, "-"), blocksOf(page), {
      extends: "../../../tsconfig.json",
      compilerOptions: { noUnusedLocals: false, noUnusedParameters: false },
    }));
}

const recipes = [...readFileSync(new URL("docs/recipes.md", root), "utf8").matchAll(PLACES)];
const shown = Object.fromEntries(recipes.map(([, path, , code]) => [path!, code ?? ""]));

it("shows the tested recipes", () => {
  for (const [path, code] of Object.entries(shown)) {
    assert.equal(code, codeOf(path), `${path}: run docs/embed.mjs`);
  }
});

const app = {
  lib: ["dom", "dom.iterable", "esnext"],
  module: "esnext",
  moduleResolution: "bundler",
  jsx: "react-jsx",
  strict: true,
  isolatedModules: true,
  noEmit: true,
  skipLibCheck: true,
};
/** Compiler settings of new apps, and stricter settings. */
const apps = {
  "create-next-app": { ...app, target: "es2017", types: ["node"] },
  "create-vite": {
    ...app,
    target: "es2023",
    types: ["node"],
    allowImportingTsExtensions: true,
    verbatimModuleSyntax: true,
    noUnusedLocals: true,
    noUnusedParameters: true,
    erasableSyntaxOnly: true,
    noFallthroughCasesInSwitch: true,
    noUncheckedSideEffectImports: true,
  },
  "the strictest": {
    ...app,
    target: "es2022",
    types: ["node"],
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    noImplicitReturns: true,
    skipLibCheck: false,
  },
};
for (const [name, compilerOptions] of Object.entries(apps)) {
  it(`the recipes compile as shown, with the settings of ${name}`, () =>
    compile(name.replaceAll(" ", "-"), shown, { compilerOptions }));
}
