// Copies the console in `files` to `public`, as `npx roomcast console public` copies the built one.
import { copyConsole } from "../../src/cli/console.ts";

try {
  copyConsole("files", "public");
} catch (error) {
  console.error(error.message);
  process.exitCode = error.exitCode;
}
