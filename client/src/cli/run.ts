/** The command line of Roomcast. */
import { readFileSync } from "node:fs";
import * as check from "./check.ts";
import * as consoleFiles from "./console.ts";
import * as deploy from "./deploy.ts";
import * as dev from "./dev.ts";
import { Failure, UsageError } from "./failure.ts";
import * as init from "./init.ts";
import * as token from "./token.ts";
import { exportCommand, importCommand } from "./transfer.ts";

interface Command {
  /** Text of `--help`. */
  readonly usage: string;
  /** Runs the command. Returns its exit code. */
  run(args: string[]): number | Promise<number>;
}

const COMMANDS: Readonly<Record<string, Command>> = {
  init,
  check,
  dev,
  deploy,
  token,
  console: consoleFiles,
  export: exportCommand,
  import: importCommand,
};

const USAGE = `Usage: npx roomcast <command>

  init [directory]   adds Roomcast's worker to a project
  check              finds what is wrong in the configuration
  dev                serves the project on this machine, with wrangler dev
  deploy             deploys the project to Cloudflare, with a secret
  token              prints a token
  console <folder>   copies the console into a folder of static assets
  export <room>      prints a room's events and state
  import <room>      stores an export in an empty room

  --help             describes the commands: npx roomcast token --help
  --version          prints the version

Exit codes: 0 success, 1 failure, 2 invalid command line. dev and deploy exit with the code of
wrangler.`;

/** Runs a command line. Returns the exit code. */
export async function run([name, ...args]: string[]): Promise<number> {
  try {
    if (name === undefined || name === "help" || isHelp(name)) return print(USAGE);
    if (name === "--version" || name === "-v") return print(version());
    const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
    if (command === undefined) {
      throw new UsageError(`${name}: expected ${Object.keys(COMMANDS).join(", ")} or --help`);
    }
    return args.some(isHelp) ? print(command.usage) : await command.run(args);
  } catch (error) {
    if (!(error instanceof Failure) && !isParseError(error)) throw error;
    console.error(`roomcast: ${error.message}`);
    return error instanceof Failure ? error.exitCode : 2;
  }
}

const isHelp = (arg: string): boolean => arg === "--help" || arg === "-h";

/** Returns whether `parseArgs` has rejected the options. */
const isParseError = (error: unknown): error is Error =>
  error instanceof TypeError && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS");

function print(text: string): number {
  console.log(text);
  return 0;
}

const version = (): string =>
  JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")).version;
