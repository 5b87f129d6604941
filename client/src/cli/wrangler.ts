/** Runs the wrangler that is installed in the project. */
import { spawn, type ChildProcess } from "node:child_process";
import { constants } from "node:os";
import { dirname, join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { Failure } from "./failure.ts";
import { readText } from "./files.ts";

export interface Output {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Finds wrangler in the `node_modules` of the current folder or of a folder above it. Throws a
 * `Failure` if wrangler is not installed.
 */
export function findWrangler(): Wrangler {
  for (let folder = resolve("."); ; folder = dirname(folder)) {
    const home = join(folder, "node_modules", "wrangler");
    const manifest = readText(join(home, "package.json"));
    if (manifest !== undefined) return new Wrangler(join(home, JSON.parse(manifest).bin.wrangler));
    if (folder === dirname(folder)) break;
  }
  throw new Failure(
    `wrangler is not installed in ${resolve(".")}: run npm install --save-dev wrangler`,
  );
}

export class Wrangler {
  readonly #script: string;

  constructor(script: string) {
    this.#script = script;
  }

  /** Runs a command in this terminal. Resolves with its exit code. */
  async run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<number> {
    const child = spawn(process.execPath, [this.#script, ...args], {
      stdio: "inherit",
      env: { ...process.env, ...env },
    });
    return exitOf(child);
  }

  /** Runs a command without a terminal. Resolves with its output. */
  async capture(args: readonly string[]): Promise<Output> {
    const child = spawn(process.execPath, [this.#script, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: "0" },
    });
    const [exitCode, stdout, stderr] = await Promise.all([
      exitOf(child),
      text(child.stdout),
      text(child.stderr),
    ]);
    return { exitCode, stdout, stderr };
  }
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Resolves with the exit code of a process, or with 128 and the number of the signal that ended it.
 * Forwards signals to the process, and waits for its end.
 */
function exitOf(child: ChildProcess): Promise<number> {
  const forward = (signal: NodeJS.Signals): void => {
    // A terminal sends ^C to both processes. A second SIGINT would end wrangler without cleanup.
    if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
  };
  for (const signal of SIGNALS) process.on(signal, forward);
  return new Promise<number>((done, fail) => {
    child.on("error", fail);
    child.on("close", (code, signal) =>
      done(code ?? 128 + (signal ? constants.signals[signal] : 0)),
    );
  }).finally(() => {
    for (const signal of SIGNALS) process.off(signal, forward);
  });
}
