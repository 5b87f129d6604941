// node tools/browser.ts
//
// Prints the path of a Chromium for the tests. Installs Debian's package for Chromium if there is
// no Chromium and the user is root.
import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { installDebian } from "./apt.ts";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
const MACOS = [
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
];

/**
 * Returns the path of a Chromium. If there is none, throws an error that lists the ways to install
 * Chromium.
 */
export async function browserPath(): Promise<string> {
  const chosen = process.env.CHROMIUM_PATH;
  if (chosen && !existsSync(chosen)) throw new Error(`CHROMIUM_PATH: ${chosen} does not exist`);
  const found =
    chosen || installed() || (await fromPlaywright()) || (installDebian("chromium") && installed());
  if (found) return found;
  throw new Error(
    "no browser was found: install Chromium or Chrome, or set CHROMIUM_PATH, or skip the browser tests with SKIP_BROWSER=1",
  );
}

function installed(): string | undefined {
  const directories = (process.env.PATH ?? "").split(delimiter);
  const paths = NAMES.flatMap((name) => directories.map((directory) => join(directory, name)));
  return [...paths, ...MACOS].find(isExecutable);
}

/** Returns the browser that `playwright install chromium` has installed, if any. */
async function fromPlaywright(): Promise<string | undefined> {
  const { chromium } = await import("playwright-core");
  return [chromium.executablePath()].find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

if (import.meta.main) {
  console.log(
    await browserPath().catch((error: Error) => {
      console.error(`browser: ${error.message}`);
      process.exit(1);
    }),
  );
}
