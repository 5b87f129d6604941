/** The secret that signs tokens, in files like `.dev.vars`. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { readText } from "./files.ts";

/** File with the variables and secrets of `wrangler dev`. */
export const DEV_VARS = ".dev.vars";
/** File with the secret of the deployed worker. */
export const PROD_VARS = ".prod.vars";

/** Returns the variables that `wrangler dev` reads: those of `.env` if there is no `.dev.vars`. */
export const devVariables = (folder: string): Record<string, string> =>
  variablesIn(devFile(folder)?.text);

/** Returns the file with the variables that `wrangler dev` reads in an environment. */
export function devFile(
  folder: string,
  environment?: string,
): { readonly file: string; readonly text: string } | undefined {
  const ofEnvironment = environment === undefined ? [] : [`${DEV_VARS}.${environment}`];
  for (const file of [...ofEnvironment, DEV_VARS, ".env"]) {
    const text = readText(join(folder, file));
    if (text !== undefined) return { file, text };
  }
  return undefined;
}

export const newSecret = (): string => randomBytes(32).toString("base64url");

/** Returns the variables of a file, without empty ones. */
export const variablesIn = (text = ""): Record<string, string> =>
  Object.fromEntries(
    Object.entries(parseEnv(text.replace(/^\uFEFF/, ""))).filter(
      (entry): entry is [string, string] => !!entry[1],
    ),
  );

/** Appends lines to a file. Uses the line ending of the file, which may lack a final newline. */
export function appendLines(text: string, lines: readonly string[]): string {
  const newline = text.includes("\r\n") ? "\r\n" : "\n";
  const separator = text === "" || text.endsWith("\n") ? "" : newline;
  return text + separator + lines.map((line) => line + newline).join("");
}
