// Copies each recipe into the code block below the recipe's path, in each page that shows it. Run
// this script after a recipe has changed.
import { readFileSync, writeFileSync } from "node:fs";
import { codeOf, fileOf, PAGES, PLACES } from "./recipes.ts";

for (const page of PAGES.map(fileOf)) {
  const embedded = readFileSync(page, "utf8").replace(
    PLACES,
    (_, path, language) => `<!-- ${path} -->\n\n\`\`\`${language}\n${codeOf(path)}\`\`\`\n`,
  );
  writeFileSync(page, embedded);
}
