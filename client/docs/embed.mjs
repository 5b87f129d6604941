// Copies each recipe into the code block below the recipe's path in recipes.md. Run this script
// after a recipe has changed.
import { readFileSync, writeFileSync } from "node:fs";
import { codeOf, PLACES } from "./recipes.ts";

const page = new URL("recipes.md", import.meta.url);

const embedded = readFileSync(page, "utf8").replace(
  PLACES,
  (_, path, language) => `<!-- ${path} -->\n\n\`\`\`${language}\n${codeOf(path)}\`\`\`\n`,
);
writeFileSync(page, embedded);
