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

/** Variables of a command whose output is read. */
const PLAIN = { ...process.env, NO_COLOR: "1", FORCE_COLOR: "0" };

/** Maximum time until wrangler serves a project. It may build the worker first. */
const START_TIMEOUT_MS = 120_000;

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

  /**
   * Starts a command without a terminal that serves something, such as `dev`, and calls `use` once
   * its output matches. Ends the command afterwards. Throws a `Failure` with the output if the
   * command ends before, or is not ready in time.
   */
  async serve<T>(
    args: readonly string[],
    ready: RegExp,
    use: (match: RegExpExecArray, output: () => string) => Promise<T>,
  ): Promise<T> {
    const child = spawn(process.execPath, [this.#script, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: PLAIN,
    });
    const exited = exitOf(child);
    let output = "";
    const match = new Promise<RegExpExecArray>((done, fail) => {
      const refuse = (what: string) => fail(new Failure(`wrangler ${what}:\n\n${output.trim()}`));
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding("utf8").on("data", (text: string) => {
          output += text;
          const match = ready.exec(output);
          if (match) done(match);
        });
      }
      exited.then((code) => refuse(`ended with ${code}`), fail);
      setTimeout(() => refuse("did not start in time"), START_TIMEOUT_MS).unref();
    });
    try {
      return await use(await match, () => output);
    } finally {
      child.kill();
      await exited;
    }
  }

  /** Runs a command without a terminal. Resolves with its output. */
  async capture(args: readonly string[]): Promise<Output> {
    const child = spawn(process.execPath, [this.#script, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: PLAIN,
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
