import type { ChildProcess } from "node:child_process";
import { once } from "node:events";

/** What a process says next. It is an error where it ends instead. */
export async function nextMessage(who: string, child: ChildProcess): Promise<unknown> {
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`${who} ended with ${code}`);
  });
  const [said] = await Promise.race([once(child, "message"), ended]);
  return said;
}
