/** The folder of a project: its name, its wrangler configuration, and its `.gitignore`. */
import { basename, join } from "node:path";
import { mainOf, varsOf } from "./config.ts";
import { Failure } from "./failure.ts";
import { readText, writeText } from "./files.ts";
import { parseJsonc } from "./jsonc.ts";
import { appendLines } from "./secret.ts";
import { stringsOf } from "./toml.ts";

/** Configuration files, in the order in which wrangler looks for them. */
const CONFIG_FILES = ["wrangler.json", "wrangler.jsonc", "wrangler.toml"];

const MAX_NAME_CHARACTERS = 63;

/** A wrangler configuration. `value` is `undefined` for TOML, which is read only line by line. */
export interface ConfigFile {
  readonly file: string;
  readonly text: string;
  readonly value: unknown;
}

/** Returns the configuration that wrangler uses in a folder. */
export function readConfig(folder: string, file?: string): ConfigFile | undefined {
  for (const name of file === undefined ? CONFIG_FILES : [file]) {
    const text = readText(join(folder, name));
    if (text === undefined) continue;
    return { file: name, text, value: name.endsWith(".toml") ? undefined : parse(name, text) };
  }
  return undefined;
}

/** Returns the worker's file that a configuration names. */
export const mainIn = ({ text, value }: ConfigFile): string | undefined =>
  value === undefined ? stringsOf(text).main : mainOf(value);

/**
 * Returns the `basePath` of `createRoomcast` in the worker's file, or an empty text. Only a literal
 * is found, which is enough for the printed examples.
 */
export function basePathIn(folder: string, config: ConfigFile | undefined): string {
  const main = config && mainIn(config);
  const worker = main === undefined ? undefined : readText(join(folder, main));
  return /\bbasePath:\s*["']((?:\/[\w.~-]+)*)["']/.exec(worker ?? "")?.[1] ?? "";
}

/** Returns the variables that a configuration sets. */
export const varsIn = ({ text, value }: ConfigFile, environment?: string): object =>
  value === undefined ? stringsOf(text) : varsOf(value, environment);

/** The parts of package.json that the commands read. */
export interface Manifest {
  readonly name?: unknown;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

export function readManifest(folder: string): Manifest {
  const text = readText(join(folder, "package.json"));
  return text === undefined ? {} : ((parse("package.json", text) ?? {}) as Manifest);
}

function parse(file: string, text: string): unknown {
  try {
    return parseJsonc(text);
  } catch (error) {
    throw new Failure(`${file}, ${(error as Error).message}: fix the file, and run this again`);
  }
}

/** Returns a valid name of a worker: the package's name, or the name of the folder. */
export function workerName(folder: string, { name }: Manifest): string {
  const text = typeof name === "string" && name !== "" ? name : basename(folder);
  const valid = text
    .normalize("NFKD")
    .toLowerCase()
    .replace(/\p{Mark}/gu, "")
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-/, "")
    .slice(0, MAX_NAME_CHARACTERS)
    .replace(/-$/, "");
  return valid === "" ? "roomcast" : valid;
}

/**
 * Adds lines to `.gitignore`. Returns the added lines, and whether the file is new. A line that
 * ignores the same name in another notation counts as present.
 */
export function ignore(
  folder: string,
  lines: readonly string[],
): { added: string[]; isNew: boolean } {
  const path = join(folder, ".gitignore");
  const text = readText(path);
  const bare = (line: string) => line.trim().replace(/^\/|\/$/g, "");
  const present = (text ?? "").split("\n").map(bare);
  const added = lines.filter(
    (line) => !present.includes(line) && !present.includes(`${line.replace(/\*$/, "")}*`),
  );
  if (added.length > 0) writeText(path, appendLines(text ?? "", added));
  return { added, isNew: text === undefined };
}
