/** `roomcast check`: finds what is wrong in the configuration of a project. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs, stripVTControlCharacters } from "node:util";
import { now } from "../clock.ts";
import { QUERIES_LOGGED, varsOf, wrongParts, type Wrong } from "./config.ts";
import { Failure, UsageError } from "./failure.ts";
import { lineInJsonc } from "./jsonc.ts";
import { basePathIn, mainIn, readConfig, type ConfigFile } from "./project.ts";
import { DEV_VARS, devFile } from "./secret.ts";
import { hasEnvironment, lineInToml, logsQueries, missingLines } from "./toml.ts";
import { findWrangler, type Wrangler } from "./wrangler.ts";

export const usage = `npx roomcast check [--env <name>] [--config <file>]

Finds what is wrong in the configuration of the worker, and names the file and the line: the object
of a room and its migration, the log, and every variable and setting of Roomcast. Starts the worker
on this machine, because the worker itself checks the variables. Exits with 1 if anything is wrong.

  --env staging     checks an environment of the configuration
  --config <file>   the configuration, in the current folder`;

/** A whole line of the worker's log. */
const LOGGED_ERROR = /\{"level":"error".*\}(?=\s*\n)/g;

/** Time within which the log has the reason of an answer. */
const LOG_TIMEOUT_MS = 5_000;

export async function run(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: { env: { type: "string", short: "e" }, config: { type: "string", short: "c" } },
  });
  const { env: environment, config: file } = values;
  if (file !== undefined && /[\\/]/.test(file)) {
    throw new UsageError(`--config ${file}: expected a file in the current folder`);
  }
  const config = readConfig(".", file);
  if (config === undefined) {
    throw new Failure(`there is no ${file ?? "wrangler.jsonc"}: npx roomcast init creates one`);
  }
  const scope = environment === undefined ? [] : ["env", environment];
  const wrong = partsOf(config, environment).map(({ path, message }) =>
    at(config, [...(path[0] === "durable_objects" ? scope : []), ...path], message),
  );
  // Without these parts, the worker does not start.
  const found = wrong.length > 0 ? wrong : await askWorker(findWrangler(), config, environment);
  for (const line of found) console.error(line);
  if (found.length > 0) return 1;
  const dev = devFile(".", environment);
  console.log(`${[config.file, ...(dev ? [dev.file] : [])].join(" and ")}: nothing is wrong.
Checked the object of a room and its migration, the log, the keys, and all variables of Roomcast.`);
  return 0;
}

/** Returns what Roomcast needs in the configuration, and what is missing or wrong there. */
function partsOf(config: ConfigFile, environment: string | undefined): readonly Wrong[] {
  const { text, value } = config;
  if (value !== undefined) return wrongParts(value, environment);
  if (environment !== undefined && !hasEnvironment(text, environment)) {
    return [{ path: [], message: `there is no environment ${environment}` }];
  }
  // Without `observability` there is no log, which is not wrong.
  const lines = missingLines(`${text}\n[observability]`, mainIn(config) ?? "src/worker.js");
  const message = `these lines are missing:\n  ${lines.join("\n  ")}`;
  return [
    ...(lines.length > 0 ? [{ path: [], message }] : []),
    ...(logsQueries(text) ? [QUERIES_LOGGED] : []),
  ];
}

/** Returns a message with the file and the line of a value, or of what is around it. */
function at({ file, text, value }: ConfigFile, path: readonly string[], message: string): string {
  const line = value === undefined ? lineInToml(text, path) : lineInJsonc(text, path);
  return `${file}:${line}: ${message}`;
}

/** Serves the project, and resolves with a message for each error in the worker's log. */
async function askWorker(
  wrangler: Wrangler,
  config: ConfigFile,
  environment: string | undefined,
): Promise<string[]> {
  const scratch = mkdtempSync(join(tmpdir(), "roomcast-check-"));
  const args = ["dev", "--config", config.file, "--ip", "127.0.0.1", "--port", "0"];
  if (environment !== undefined) args.push("--env", environment);
  args.push("--inspector-port", "0", "--persist-to", scratch, "--log-level", "log");
  args.push("--show-interactive-dev-session=false");
  try {
    return await wrangler.serve(args, /Ready on (http:\S+)/, async ([, url], output) => {
      const path = `${basePathIn(".", config)}/healthz`;
      const answer = await fetch(url + path);
      if (answer.ok && (await answer.text()) === "ok") return [];
      if (answer.status !== 500) {
        throw new Failure(
          `GET ${path} of the worker answered ${answer.status}, not ok: is the basePath right?`,
        );
      }
      const until = now() + LOG_TIMEOUT_MS;
      while (errorsIn(output()).length === 0 && now() < until) await sleep(50);
      const errors = errorsIn(output());
      if (errors.length > 0) return errors.map((error) => locate(error, config, environment));
      throw new Failure(`GET ${path} of the worker answered 500:\n\n${output().trim()}`);
    });
  } finally {
    rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Returns the causes in the worker's log. A cause has a line for each error. */
function errorsIn(output: string): string[] {
  const entries = [...stripVTControlCharacters(output).matchAll(LOGGED_ERROR)].map(
    ([text]) => JSON.parse(text) as { cause?: string },
  );
  return entries.flatMap(({ cause = "" }) => cause.split("\n")).filter((line) => line !== "");
}

/** Names the place of an error, which begins with a variable, a pattern and a setting. */
function locate(error: string, config: ConfigFile, environment: string | undefined): string {
  const [, variable] = /\b([A-Z]+_[A-Z_]+)\b/.exec(error) ?? [];
  if (variable === undefined) return error;
  const dev = devFile(".", environment);
  const line = (dev?.text ?? "").split("\n").findIndex((line) => assigns(line, variable));
  if (dev && line !== -1) return `${dev.file}:${line + 1}: ${error}`;

  const [, pattern, setting] = /^\w+: "([^"]*)": (\w+)/.exec(error) ?? [];
  const scope = environment === undefined ? [] : ["env", environment];
  const path = [...scope, "vars", variable, ...(pattern ? [pattern, setting ?? ""] : [])];
  if (setsVariable(config, variable, environment)) return at(config, path, error);
  return `${dev?.file ?? DEV_VARS}: ${error}`;
}

const setsVariable = ({ text, value }: ConfigFile, name: string, environment?: string): boolean =>
  value === undefined
    ? new RegExp(`^[^#]*\\b${name}\\b`, "m").test(text)
    : name in varsOf(value, environment);

const assigns = (line: string, variable: string): boolean =>
  new RegExp(`^\\s*(export\\s+)?${variable}\\s*=`).test(line);
