/** One thread of the load program: a crowd that does what the main thread says. */
import { parentPort } from "node:worker_threads";
import { Crowd } from "./crowd.ts";
import type { Listener } from "./socket.ts";

/** What can be asked of a thread. */
export class Asked extends Crowd {
  cpu(): NodeJS.CpuUsage {
    return process.threadCpuUsage();
  }
}

export type Verb = Exclude<keyof Asked, keyof Listener>;
export interface Order<V extends Verb = Verb> {
  id: number;
  verb: V;
  given: Parameters<Asked[V]>;
}
export type Answer = { id: number; value: unknown } | { id: number; error: string };

if (parentPort) {
  const port = parentPort;
  const asked = new Asked();
  port.on("message", async ({ id, verb, given }: Order) => {
    try {
      const act = asked[verb] as (...given: unknown[]) => unknown;
      port.postMessage({ id, value: await act.apply(asked, given) });
    } catch (error) {
      port.postMessage({ id, error: (error as Error).stack });
    }
  });
}
