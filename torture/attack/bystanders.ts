/** Readers and publishers that have nothing to do with an attack, in a process of their own. */
import { type ChildProcess, fork } from "node:child_process";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Runtime } from "../../tests/edge/runtime.ts";
import type { Latencies } from "../flood/bystanders.ts";
import type { SuiteContext } from "../suite.ts";
import { nextMessage } from "../next-message.ts";

const PROGRAM = resolve(import.meta.dirname, "../flood/bystanders.ts");

export class Bystanders {
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess) {
    this.#process = process;
  }

  /** Starts a publisher and so many readers in each of the rooms. They end with the suite. */
  static async start(
    context: SuiteContext,
    { url }: Runtime,
    readers: number,
    rooms: string[],
  ): Promise<Bystanders> {
    const process = fork(PROGRAM, [url, String(readers), ...rooms]);
    context.after(() => process.kill("SIGKILL"));
    await nextMessage("the bystanders", process);
    return new Bystanders(process);
  }

  /** What they measure within so many ms. */
  async calm(ms: number): Promise<Latencies> {
    await sleep(ms);
    return this.measure();
  }

  /** What they measured since the last time. Rejects if a reader missed an event. */
  async measure(): Promise<Latencies> {
    this.#process.send("measure");
    return (await nextMessage("the bystanders", this.#process)) as Latencies;
  }
}
