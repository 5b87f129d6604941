/** `roomcast console`: copies the files of the console into a project's static assets. */
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Failure, UsageError } from "./failure.ts";
import { readText, writeText } from "./files.ts";

export const usage = `npx roomcast console <folder>

Copies the console into a folder of static assets: console.html, and files in console/. The worker
serves them at /console, if its configuration has the assets with the binding ASSETS.

With a basePath, use the folder of that name: npx roomcast console public/realtime

Run this again after an upgrade. Replaces only the console's own files.`;

/** Files of the console in the package. */
const FILES = fileURLToPath(new URL("../assets", import.meta.url));
const PAGE = "console.html";
/** Folder of the other files. Their names have a hash, so an upgrade changes them. */
const FOLDER = "console";
const OWN_FILE = /^roomcast-[\w-]+\.\w+$/;
/** Text that only the page of the console has. */
const MARK = 'name="roomcast-console"';

export function run(args: string[]): number {
  const { positionals } = parseArgs({ args, allowPositionals: true, options: {} });
  const [folder, surplus] = positionals;
  if (folder === undefined) {
    throw new UsageError("expected the folder of the static assets: npx roomcast console public");
  }
  if (surplus !== undefined) throw new UsageError(`${surplus}: expected a single folder`);
  copyConsole(FILES, folder);
  return 0;
}

/** Copies the console. Throws a `Failure`, and writes nothing, if the page is not of the console. */
export function copyConsole(from: string, to: string): void {
  const page = readText(join(from, PAGE));
  if (page === undefined) throw new Failure(`${from} lacks the console: run make client`);
  const before = readText(join(to, PAGE));
  if (before !== undefined && !before.includes(MARK)) {
    throw new Failure(`${join(to, PAGE)} is a file of your own: choose another folder`);
  }
  const names = readdirSync(join(from, FOLDER));
  // The page is written last, so that it never names a file that is missing.
  for (const name of names) write(join(to, FOLDER, name), readText(join(from, FOLDER, name))!);
  write(join(to, PAGE), page);
  for (const name of existsSync(join(to, FOLDER)) ? readdirSync(join(to, FOLDER)) : []) {
    if (!OWN_FILE.test(name) || names.includes(name)) continue;
    rmSync(join(to, FOLDER, name));
    console.log(`removed  ${join(to, FOLDER, name)}`);
  }
}

function write(path: string, text: string): void {
  writeText(path, text);
  console.log(`wrote    ${path}`);
}
