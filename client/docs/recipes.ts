// The recipes, as docs/recipes.md shows them.
import { readFileSync } from "node:fs";

const root = new URL("../", import.meta.url);

/** A recipe's place in the page: a comment with its path, and the block below it. */
export const PLACES = /<!-- (recipes\/\S+\.(\w+)) -->\n(?:\n```\w+\n([^]*?)```\n)?/g;

/**
 * The recipe's code as an app has it: without the endings of its own imports, which Node needs and
 * the compiler settings of most apps reject.
 */
export function codeOf(path: string): string {
  const code = readFileSync(new URL(path, root), "utf8");
  return code.replace(/(from "\.[^"]*)\.tsx?"/g, '$1"');
}
