// Adds the files to the package that npm would leave out.
import { copyFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));

// npm packs no file named `.gitignore`. create.js gives the file its name again.
copyFileSync(`${here}template/.gitignore`, `${here}template/gitignore`);

// npm packs only files in the package's own folder.
for (const license of ["LICENSE-MIT", "LICENSE-APACHE"]) {
  copyFileSync(`${here}../${license}`, `${here}${license}`);
}
