/** One thread of the load generator: a socket pool that the main thread controls with messages. */
import { parentPort } from "node:worker_threads";
import { SocketPool } from "./pool.ts";
import type { SocketListener } from "./socket.ts";
import { type ThreadUsage, threadUsage } from "./usage.ts";

/** The methods that the main thread can call. */
export class Commands extends SocketPool {
  usage(): ThreadUsage {
    return threadUsage();
  }
}

export type Method = Exclude<keyof Commands, keyof SocketListener>;
export interface Call<M extends Method = Method> {
  id: number;
  method: M;
  args: Parameters<Commands[M]>;
}
export type Reply = { id: number; value: unknown } | { id: number; error: string };

if (parentPort) {
  const port = parentPort;
  const commands = new Commands();
  port.on("message", async ({ id, method, args }: Call) => {
    try {
      const act = commands[method] as (...args: unknown[]) => unknown;
      port.postMessage({ id, value: await act.apply(commands, args) });
    } catch (error) {
      port.postMessage({ id, error: (error as Error).stack });
    }
  });
}
