import type { ChildProcess } from "node:child_process";
import { once } from "node:events";

/** Resolves with the next message of a child process. Rejects if the process exits first. */
export async function nextMessage(name: string, child: ChildProcess): Promise<unknown> {
  const exited = once(child, "exit").then(([code]) => {
    throw new Error(`${name} exited with ${code}`);
  });
  const [message] = await Promise.race([once(child, "message"), exited]);
  return message;
}
