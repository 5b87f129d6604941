// Copies each recipe and example into the code block below its path, in each page that shows it. Run
// this script after a recipe or an example has changed.
import { readFileSync, writeFileSync } from "node:fs";
import { codeOf, fileOf, PAGES_WITH_EXAMPLES, PLACES } from "./recipes.ts";

for (const page of PAGES_WITH_EXAMPLES.map(fileOf)) {
  const embedded = readFileSync(page, "utf8").replace(
    PLACES,
    (_, path, language) => `<!-- ${path} -->\n\n\`\`\`${language}\n${codeOf(path)}\`\`\`\n`,
  );
  writeFileSync(page, embedded);
}
