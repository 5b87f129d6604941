// Writes each recipe into the block below its name in recipes.md. Run it after a recipe has changed.
import { readFileSync, writeFileSync } from "node:fs";

const page = new URL("recipes.md", import.meta.url);
const package_ = new URL("../", import.meta.url);

const embedded = readFileSync(page, "utf8").replace(
  /<!-- (recipes\/\S+\.(\w+)) -->\n(?:\n```[^]*?\n```\n)?/g,
  (_, path, language) =>
    `<!-- ${path} -->\n\n\`\`\`${language}\n${readFileSync(new URL(path, package_), "utf8")}\`\`\`\n`,
);
writeFileSync(page, embedded);
