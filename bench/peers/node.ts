/**
 * Starts a server on Node in a separate process. The process sends the number of the port on which
 * it listens.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import type { Target } from "./dialect.ts";
import type { Server } from "./peer.ts";

export async function node(dialect: Target["dialect"], file: URL): Promise<Server> {
  const child = fork(file, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  const exited = once(child, "exit");
  const port = await Promise.race([
    once(child, "message").then(([port]) => Number(port)),
    exited.then(([code]) => {
      throw new Error(`${dialect} exited with ${code} before it listened on a port`);
    }),
  ]);
  return {
    pid: child.pid!,
    target: { dialect, port },
    async stop() {
      process.off("exit", kill);
      kill();
      await exited;
    },
  };
}
