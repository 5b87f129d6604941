/** Runs a suite in a process of its own: where it has to be, in namespaces that end with it. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { RunOptions, Outcome } from "./suite.ts";
import { SUITES } from "./suites.ts";

export interface Result {
  options: RunOptions;
  tookMs: number;
  outcome?: Outcome;
  /** Why it was not run. */
  skipped?: string;
  failed?: string;
}

/**
 * Mounts, networks and processes of its own. Once the process is gone, be it by SIGKILL, so is all
 * of that: there is nothing to clean up.
 */
const UNSHARE = [
  ...["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"],
  ...(process.getuid?.() === 0 ? [] : ["--map-root-user"]),
];

export async function run(options: RunOptions): Promise<Result> {
  const begun = Date.now();
  const result = (rest: Partial<Result>): Result => ({
    options,
    tookMs: Date.now() - begun,
    ...rest,
  });
  const isolated = SUITES[options.suite]?.isolated ?? false;
  const refused = isolated ? whyNotIsolated() : undefined;
  if (refused !== undefined) return result({ skipped: refused });

  // What it keeps in files goes when it went.
  const directory = mkdtempSync(join(tmpdir(), "torture-"));
  const child = begin(options, isolated, directory);
  let said: Partial<Result> = { failed: "its process ended without a word" };
  child.on("message", (message) => (said = message as Partial<Result>));
  const end = (): void => {
    // `unshare` ends for nothing less, and what it has unshared ends with it.
    child.kill(isolated ? "SIGKILL" : "SIGTERM");
    rmSync(directory, { recursive: true, force: true });
  };
  process.once("exit", end);
  const [code] = await once(child, "exit");
  process.off("exit", end);
  end();
  if (code !== 0 && said.failed === undefined) said = { failed: `its process ended with ${code}` };
  return result(said);
}

function begin(options: RunOptions, isolated: boolean, directory: string): ChildProcess {
  const node = [process.execPath, resolve(import.meta.dirname, "one.ts"), JSON.stringify(options)];
  // A network of its own begins with its loopback down.
  const up = ["sh", "-c", 'ip link set lo up && exec "$@"', "sh"];
  const [command = "", ...args] = isolated ? ["unshare", ...UNSHARE, ...up, ...node] : node;
  const env = { ...process.env, TMPDIR: directory };
  return spawn(command, args, { env, stdio: ["ignore", "inherit", "inherit", "ipc"] });
}

/** What the system says where it refuses namespaces. */
function whyNotIsolated(): string | undefined {
  const { error, status, stderr } = spawnSync("unshare", [...UNSHARE, "true"], {
    encoding: "utf8",
  });
  if (error) return `no namespaces here: ${error.message}`;
  return status === 0 ? undefined : `no namespaces here: ${stderr.trim()}`;
}
