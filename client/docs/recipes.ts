// Reads the recipes and the examples for the pages that show them.
import { readFileSync, readdirSync } from "node:fs";

const repository = new URL("../../", import.meta.url);
const guides = readdirSync(new URL("docs/guides/", repository));

/** Paths of the pages that show recipes, from the root of the repository. */
export const PAGES = ["docs/concepts.md", ...guides.map((name) => `docs/guides/${name}`)];

export const fileOf = (path: string): URL => new URL(path, repository);

/** The same pages, and the pages that show examples in several languages. */
export const PAGES_WITH_EXAMPLES = [...PAGES, "docs/backends.md", "docs/webhooks.md"];

/**
 * Matches a recipe or an example in a page: a comment with the path of the file, and the code block
 * below it.
 */
export const PLACES =
  /<!-- ((?:client\/recipes|examples)\/\S+\.(\w+)) -->\n(?:\n```\w+\n([^]*?)```\n)?/g;

/**
 * Returns the recipe's code as an app needs it: without the extensions in its relative imports. Node
 * requires these extensions, and the compiler settings of most apps reject them.
 */
export function codeOf(path: string): string {
  const code = readFileSync(fileOf(path), "utf8");
  return code.replace(/(from "\.[^"]*)\.tsx?"/g, '$1"');
}
