/** Runs the development server of a project, as a developer does. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { stripVTControlCharacters } from "node:util";
import { ENV, type Cleanup } from "./package.ts";

/** Starts `wrangler dev`, and returns the URL that it serves. */
export const dev = (t: Cleanup, folder: string, command = ["wrangler", "dev"]): Promise<string> =>
  serve(t, folder, [...command, "--port", "0", "--inspector-port", "0"], /Ready on (http:\S+)/);

/** Maximum wait for the URL of a server, long enough for a busy machine. */
const READY_TIMEOUT_MS = 180_000;

/**
 * Starts a command, and returns the URL that it prints. The command ends after the test. A server
 * that can't build its worker waits for a change of a file, so a test fails after a time limit.
 */
export async function serve(
  t: Cleanup,
  folder: string,
  [program = "", ...args]: string[],
  printed: RegExp,
): Promise<string> {
  // A group of its own, because the command starts workerd and esbuild.
  const child = spawn(program, args, { cwd: folder, env: ENV, detached: true });
  const exited = once(child, "exit");
  t.after(async () => {
    // Not SIGTERM, after which a server waits for its open sockets.
    process.kill(-child.pid!, "SIGKILL");
    await exited;
  });
  let output = "";
  const ready = Promise.withResolvers<string>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += stripVTControlCharacters(text);
      const [, url] = printed.exec(output) ?? [];
      if (url) ready.resolve(url);
    });
  }
  const fail = (how: string): void =>
    ready.reject(new Error(`${program} ${args.join(" ")} ${how}: ${output}`));
  void exited.then(() => fail("ended"));
  const timer = setTimeout(fail, READY_TIMEOUT_MS, "printed no URL");
  try {
    return await ready.promise;
  } finally {
    clearTimeout(timer);
  }
}
