import { randomBytes } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const TEMPLATE = fileURLToPath(new URL("template", import.meta.url));
const TEMPLATE_NAME = "roomcast-chat";

/** Files that exist only in a clone of this repository, after the template was used in place. */
const GENERATED = [
  "node_modules",
  "package-lock.json",
  "dist",
  ".wrangler",
  ".dev.vars",
  ".prod.vars",
];

/** Maximum length of a worker's name. */
const MAX_NAME = 63;

/** Error whose message is for the person who runs the command. */
export class CreateError extends Error {}

/**
 * Creates a project in a new or empty folder. Throws a `CreateError`, and writes nothing, if the
 * folder is not empty.
 *
 * @param {string} directory
 */
export function create(directory) {
  const target = resolve(directory);
  checkEmpty(target, directory);
  mkdirSync(target, { recursive: true });
  for (const name of readdirSync(TEMPLATE)) {
    if (GENERATED.includes(name)) continue;
    cpSync(join(TEMPLATE, name), join(target, name), { recursive: true });
  }
  // The published package contains the file under this name, because npm packs no `.gitignore`.
  if (existsSync(join(target, "gitignore"))) {
    renameSync(join(target, "gitignore"), join(target, ".gitignore"));
  }
  for (const file of ["package.json", "wrangler.jsonc"]) rename(join(target, file), target);
  const secret = randomBytes(32).toString("base64url");
  writeFileSync(join(target, ".dev.vars"), `JWT_SECRET="${secret}"\n`, { mode: 0o600 });
}

/**
 * @param {string} target
 * @param {string} shown
 */
function checkEmpty(target, shown) {
  if (!existsSync(target)) return;
  if (!statSync(target).isDirectory()) {
    throw new CreateError(`${shown} is a file: choose the name of a new folder`);
  }
  if (readdirSync(target).length > 0) {
    throw new CreateError(`the folder ${shown} is not empty: choose a new or an empty folder`);
  }
}

/**
 * Replaces the template's name in a file by the name of the folder.
 *
 * @param {string} file
 * @param {string} target
 */
function rename(file, target) {
  const text = readFileSync(file, "utf8");
  writeFileSync(file, text.replace(`"${TEMPLATE_NAME}"`, `"${projectName(target)}"`));
}

/**
 * Returns a name that both npm and Cloudflare accept: lower-case letters, digits and hyphens.
 *
 * @param {string} directory
 */
export function projectName(directory) {
  const name = basename(directory)
    .normalize("NFKD") // splits "é" into "e" and its accent
    .replace(/\p{Mark}/gu, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, MAX_NAME)
    .replace(/^-+|-+$/g, "");
  return name || TEMPLATE_NAME;
}

/**
 * Returns the commands to run after `create`.
 *
 * @param {string} directory
 * @param {string | undefined} userAgent npm's `npm_config_user_agent`, which pnpm, yarn and bun set too
 */
export function nextCommands(directory, userAgent) {
  const [, manager = "npm"] = /^(npm|pnpm|yarn|bun)\//.exec(userAgent ?? "") ?? [];
  const isHere = resolve(directory) === process.cwd();
  const quoted = /^[\w./\\:-]+$/.test(directory) ? directory : `"${directory}"`;
  return [...(isHere ? [] : [`cd ${quoted}`]), `${manager} install`, `${manager} run dev`];
}
