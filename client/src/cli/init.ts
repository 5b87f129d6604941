/** `roomcast init`: adds what Roomcast needs to the folder of a project. */
import { existsSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { ConfigConflict, missingParts, newConfig, requiredConfig } from "./config.ts";
import { UsageError } from "./failure.ts";
import { PRIVATE, readText, writeText } from "./files.ts";
import { insert } from "./jsonc.ts";
import {
  ignore,
  mainIn,
  readConfig,
  readManifest,
  workerName,
  type ConfigFile,
  type Manifest,
} from "./project.ts";
import { appendLines, DEV_VARS, devVariables, newSecret, PROD_VARS } from "./secret.ts";
import { missingLines } from "./toml.ts";

export const usage = `npx roomcast init [directory]

Adds to the directory, or to the current one:

  wrangler.jsonc    the configuration of the worker
  src/worker.ts     the worker (.js without a tsconfig.json)
  .dev.vars         a random secret for this machine
  .gitignore        the files that git must ignore

Adds only what is missing. Never overwrites.`;

const WORKER = 'export { RoomObject, default } from "roomcast/worker";';
/** Lines that add Roomcast to a worker with routes of its own. */
const OWN_WORKER = [
  'import { createRoomcast } from "roomcast/worker";',
  'const roomcast = createRoomcast({ basePath: "/realtime" });',
  'export { RoomObject } from "roomcast/worker";',
  "",
  "// At the start of your fetch(request, env, context):",
  "const response = await roomcast.route(request, env, context);",
  "if (response) return response;",
];

const ORIGINS = ["# Pages on any origin may call the development server.", 'ALLOWED_ORIGINS="*"'];

/** A file of the project after init, and lines that the user must add. */
interface Result {
  readonly file: string;
  readonly change: "created" | "changed" | "unchanged" | "to do";
  readonly note?: string;
  readonly lines?: readonly string[];
}

export function run(args: string[]): number {
  const { positionals } = parseArgs({ args, allowPositionals: true, options: {} });
  const [directory = ".", surplus] = positionals;
  if (surplus !== undefined) throw new UsageError(`${surplus}: expected a single directory`);
  const folder = resolve(directory);
  const manifest = readManifest(folder);
  const config = readConfig(folder);
  const hasTypes = existsSync(join(folder, "tsconfig.json"));
  const main = (config && mainIn(config)) ?? `src/worker.${hasTypes ? "ts" : "js"}`;

  // The secret is written after the line that ignores its file.
  const results = [
    addIgnored(folder),
    addSecret(folder),
    addWorker(folder, main),
    addConfig(folder, config, workerName(folder, manifest), main),
  ];
  for (const { file, change, note, lines = [] } of results) {
    console.log(`${change.padEnd(9)}  ${file}${note === undefined ? "" : `: ${note}`}`);
    for (const line of lines) console.log(`             ${line}`);
  }
  const isUnchanged = results.every(({ change }) => change === "unchanged");
  if (isUnchanged) console.log("Nothing to do: this folder has everything already.");
  console.log(nextSteps(relative(process.cwd(), folder), manifest));
  return 0;
}

function addIgnored(folder: string): Result {
  const { added, isNew } = ignore(folder, [DEV_VARS, `${PROD_VARS}*`, ".wrangler", "node_modules"]);
  const file = ".gitignore";
  if (added.length === 0) return { file, change: "unchanged" };
  return { file, change: isNew ? "created" : "changed", note: `ignores ${added.join(", ")}` };
}

function addSecret(folder: string): Result {
  const file = DEV_VARS;
  const text = readText(join(folder, file));
  if (devVariables(folder).JWT_SECRET !== undefined) return { file, change: "unchanged" };
  const line = `JWT_SECRET="${newSecret()}"`;
  const added = text === undefined ? [line, ...ORIGINS] : [line];
  writeText(join(folder, file), appendLines(text ?? "", added), PRIVATE);
  if (text !== undefined) return { file, change: "changed", note: "has a random JWT_SECRET" };
  const note = existsSync(join(folder, ".env"))
    ? "has a random JWT_SECRET. From now on, wrangler dev reads this file instead of .env: copy the worker's variables"
    : "has a random JWT_SECRET";
  return { file, change: "created", note };
}

function addWorker(folder: string, main: string): Result {
  const text = readText(join(folder, main));
  if (text === undefined && /^(\.\/)?src\/worker\.[jt]s$/.test(main)) {
    writeText(join(folder, main), `// The worker, with one object per room.\n${WORKER}\n`);
    return { file: main, change: "created" };
  }
  if (text?.includes("roomcast/worker")) return { file: main, change: "unchanged" };
  return {
    file: main,
    change: "to do",
    note: "the file is not changed. Add these lines:",
    lines: OWN_WORKER,
  };
}

function addConfig(
  folder: string,
  config: ConfigFile | undefined,
  name: string,
  main: string,
): Result {
  if (config === undefined) {
    writeText(join(folder, "wrangler.jsonc"), newConfig(name, main));
    return { file: "wrangler.jsonc", change: "created" };
  }
  const { file, text, value } = config;
  if (value === undefined) return reportToml(file, missingLines(text, main));
  try {
    const parts = missingParts(value, name, main);
    if (parts.length === 0) return { file, change: "unchanged" };
    writeText(join(folder, file), parts.reduce(insert, text));
    const added = parts.map(({ path, key }) => [...path, ...(key ? [key] : [])].join("."));
    return { file, change: "changed", note: `adds ${added.join(", ")}` };
  } catch (error) {
    if (!(error instanceof ConfigConflict)) throw error;
    const note = `${error.message}. The file is not changed. It must contain:`;
    return { file, change: "to do", note, lines: requiredConfig(name, main).trimEnd().split("\n") };
  }
}

function reportToml(file: string, lines: string[]): Result {
  if (lines.length === 0) return { file, change: "unchanged" };
  return { file, change: "to do", note: "the file is not changed. Add these lines:", lines };
}

/** Returns the commands to run next. */
function nextSteps(folder: string, { dependencies, devDependencies }: Manifest): string {
  const installed = { ...dependencies, ...devDependencies };
  return [
    "\nNext:",
    ...(folder === ""
      ? []
      : [`  cd ${/^[\w./-]+$/.test(folder) ? folder : JSON.stringify(folder)}`]),
    ...("roomcast" in installed ? [] : ["  npm install roomcast"]),
    ...("wrangler" in installed ? [] : ["  npm install --save-dev wrangler"]),
    "  npx roomcast dev",
  ].join("\n");
}
