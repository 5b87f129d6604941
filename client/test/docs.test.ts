/** The code in the documentation compiles, and the recipes in it are those that run. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { after, it } from "node:test";
import { fileURLToPath } from "node:url";

const root = new URL("../", import.meta.url);
// Inside the package, so that `roomcast` means this one.
const scratch = new URL(".docs/", root);

const pages = [
  "../README.md",
  "README.md",
  ...readdirSync(new URL("docs/", root))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];

after(() => rmSync(scratch, { recursive: true }));

/** Writes a page's blocks as modules, beside what a comment in the page gives to all of them. */
function extract(page: string): URL {
  const text = readFileSync(new URL(page, root), "utf8");
  const folder = new URL(`${page.replace(/\W/g, "-")}/`, scratch);
  mkdirSync(folder, { recursive: true });
  const [, given = ""] = /<!-- given to each block:\n([^]*?)-->/.exec(text) ?? [];
  const files = { "given.d.ts": given };
  [...text.matchAll(/```(tsx?)\n([^]*?)```/g)].forEach(([, language, code], n) =>
    Object.assign(files, { [`block-${n}.${language}`]: `${code}\nexport {};\n` }),
  );
  const config = {
    extends: "../../tsconfig.json",
    compilerOptions: { noUnusedLocals: false, noUnusedParameters: false },
    files: Object.keys(files),
    include: [],
  };
  Object.assign(files, { "tsconfig.json": JSON.stringify(config) });
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(new URL(name, folder), content);
  }
  return folder;
}

// The blocks of recipes.md are compiled where they run.
for (const page of pages.filter((page) => page !== "docs/recipes.md")) {
  it(`${page} compiles`, () => {
    try {
      execFileSync("tsc", ["-p", fileURLToPath(extract(page))], { encoding: "utf8" });
    } catch (error) {
      assert.fail((error as { stdout: string }).stdout);
    }
  });
}

it("shows the recipes that run", () => {
  const text = readFileSync(new URL("docs/recipes.md", root), "utf8");
  const shown = [...text.matchAll(/<!-- (recipes\/\S+) -->\n\n```\w+\n([^]*?)```/g)];
  assert.equal(shown.length, [...text.matchAll(/<!-- recipes/g)].length);
  for (const [, path, code] of shown) {
    assert.equal(code, readFileSync(new URL(path!, root), "utf8"), `${path}: run docs/embed.mjs`);
  }
});
