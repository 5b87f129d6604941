/** Runs `wrangler dev` in a project, as a developer does. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { ENV, type Cleanup } from "./package.ts";

/** Starts `wrangler dev` and returns the URL that it serves. It ends after the test. */
export async function dev(
  t: Cleanup,
  folder: string,
  command = ["wrangler", "dev"],
): Promise<string> {
  const [program = "wrangler", ...args] = [...command, "--port", "0", "--inspector-port", "0"];
  // A group of its own, because wrangler starts workerd and esbuild.
  const child = spawn(program, args, { cwd: folder, env: ENV, detached: true });
  const exited = once(child, "exit");
  t.after(async () => {
    process.kill(-child.pid!, "SIGTERM");
    await exited;
  });
  let output = "";
  const ready = Promise.withResolvers<string>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      const [, url] = /Ready on (http:\/\/[^\s]+)/.exec(output) ?? [];
      if (url) ready.resolve(url);
    });
  }
  void exited.then(() => ready.reject(new Error(`wrangler dev ended: ${output}`)));
  return ready.promise;
}
