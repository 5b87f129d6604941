// Reads the recipes for docs/recipes.md.
import { readFileSync } from "node:fs";

const root = new URL("../", import.meta.url);

/** Matches a recipe in the page: a comment with the recipe's path, and the code block below it. */
export const PLACES = /<!-- (recipes\/\S+\.(\w+)) -->\n(?:\n```\w+\n([^]*?)```\n)?/g;

/**
 * Returns the recipe's code as an app needs it: without the extensions in its relative imports. Node
 * requires these extensions, and the compiler settings of most apps reject them.
 */
export function codeOf(path: string): string {
  const code = readFileSync(new URL(path, root), "utf8");
  return code.replace(/(from "\.[^"]*)\.tsx?"/g, '$1"');
}
