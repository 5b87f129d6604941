/** Runs a suite in a separate process, and in separate namespaces if the suite needs them. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Outcome, RunOptions } from "./suite.ts";
import { SUITES } from "./suites.ts";

export interface Result {
  options: RunOptions;
  tookMs: number;
  outcome?: Outcome;
  /** Reason why the suite was not run. */
  skipped?: string;
  failed?: string;
}

/**
 * Options of `unshare` for separate mounts, networks and processes. The kernel removes all of them
 * when the process ends, even after a SIGKILL. So the suite has nothing to clean up.
 */
const UNSHARE = [
  ...["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"],
  ...(process.getuid?.() === 0 ? [] : ["--map-root-user"]),
];

export async function run(options: RunOptions): Promise<Result> {
  const startedAt = Date.now();
  const result = (rest: Partial<Result>): Result => ({
    options,
    tookMs: Date.now() - startedAt,
    ...rest,
  });
  const isolated = SUITES[options.suite]?.isolated ?? false;
  const obstacle = isolated ? reasonAgainstIsolation() : undefined;
  if (obstacle !== undefined) return result({ skipped: obstacle });

  // The suite's temporary files are in this directory, which is removed after the suite.
  const directory = mkdtempSync(join(tmpdir(), "torture-"));
  const child = start(options, isolated, directory);
  let reported: Partial<Result> = { failed: "its process exited without a result" };
  child.on("message", (message) => (reported = message as Partial<Result>));
  const end = (): void => {
    // `unshare` ends only on SIGKILL. The namespaces end with `unshare`.
    child.kill(isolated ? "SIGKILL" : "SIGTERM");
    rmSync(directory, { recursive: true, force: true });
  };
  process.once("exit", end);
  const [code] = await once(child, "exit");
  process.off("exit", end);
  end();
  if (code !== 0 && reported.failed === undefined)
    reported = { failed: `its process exited with ${code}` };
  return result(reported);
}

function start(options: RunOptions, isolated: boolean, directory: string): ChildProcess {
  const node = [process.execPath, resolve(import.meta.dirname, "one.ts"), JSON.stringify(options)];
  // The loopback interface of a new network namespace is down, so this command enables it.
  const up = ["sh", "-c", 'ip link set lo up && exec "$@"', "sh"];
  const [command = "", ...args] = isolated ? ["unshare", ...UNSHARE, ...up, ...node] : node;
  const env = { ...process.env, TMPDIR: directory };
  return spawn(command, args, { env, stdio: ["ignore", "inherit", "inherit", "ipc"] });
}

/** Returns the system's error if the system does not allow new namespaces. */
function reasonAgainstIsolation(): string | undefined {
  const { error, status, stderr } = spawnSync("unshare", [...UNSHARE, "true"], {
    encoding: "utf8",
  });
  if (error) return `namespaces are not available: ${error.message}`;
  return status === 0 ? undefined : `namespaces are not available: ${stderr.trim()}`;
}
