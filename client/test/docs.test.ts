/** Compiles the code in the documentation, and compares its recipes and examples with the tested ones. */
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { it } from "node:test";
import { codeOf, fileOf, PAGES, PAGES_WITH_EXAMPLES, PLACES } from "../docs/recipes.ts";
import { compilerIn } from "./compile.ts";

const compile = compilerIn("docs");

const pages = [
  "README.md",
  "docs/quickstart.md",
  ...PAGES,
  "client/README.md",
  ...readdirSync(fileOf("client/docs/"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `client/docs/${name}`),
];

const textOf = (page: string): string => readFileSync(fileOf(page), "utf8");

/** Returns the recipes of a page by their paths, as the page shows them. */
const recipesOf = (page: string): Record<string, string> =>
  Object.fromEntries([...textOf(page).matchAll(PLACES)].map(([, path, , code]) => [path!, code!]));

/**
 * Returns the recipes and the other code blocks of a page as modules. A comment in the page contains
 * the declarations that all blocks use. Blocks import recipes as if they were in the same folder.
 */
function modulesOf(page: string): Record<string, string> {
  const text = textOf(page).replace(PLACES, "");
  const [, given = ""] = /<!-- given to each block:\n([^]*?)-->/.exec(text) ?? [];
  const blocks = [...text.matchAll(/```(tsx?)\n([^]*?)```/g)].map(([, language, code], n) => [
    `client/recipes/block-${n}.${language}`,
    `${code}\nexport {};\n`,
  ]);
  return { "given.d.ts": given, ...recipesOf(page), ...Object.fromEntries(blocks) };
}

for (const page of pages) {
  it(`${page} compiles`, () =>
    compile(page.replace(/\W/g, "-"), modulesOf(page), {
      extends: "../../../tsconfig.json",
      compilerOptions: {
        module: "esnext",
        moduleResolution: "bundler",
        noUnusedLocals: false,
        noUnusedParameters: false,
      },
    }));
}

/** Each recipe, as the pages show it. */
const shown: Record<string, string> = Object.assign({}, ...PAGES.map(recipesOf));

it("shows the tested recipes and examples", () => {
  for (const page of PAGES_WITH_EXAMPLES) {
    for (const [path, code] of Object.entries(recipesOf(page))) {
      assert.equal(code, codeOf(path), `${page}: run client/docs/embed.mjs`);
    }
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
