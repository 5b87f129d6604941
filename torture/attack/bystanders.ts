/** Readers and publishers that take no part in an attack. They run in a separate process. */
import { type ChildProcess, fork } from "node:child_process";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Runtime } from "../../tests/edge/runtime.ts";
import type { Latencies } from "../flood/bystanders.ts";
import { nextMessage } from "../next-message.ts";
import type { SuiteContext } from "../suite.ts";

const PROGRAM = resolve(import.meta.dirname, "../flood/bystanders.ts");

export class Bystanders {
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess) {
    this.#process = process;
  }

  /** Starts one publisher and `readers` readers in each room, and kills them after the suite. */
  static async start(
    context: SuiteContext,
    { url }: Runtime,
    readers: number,
    rooms: string[],
  ): Promise<Bystanders> {
    const process = fork(PROGRAM, [url, String(readers), ...rooms]);
    context.after(() => process.kill("SIGKILL"));
    await nextMessage("the bystanders' process", process);
    return new Bystanders(process);
  }

  /** Waits for `ms`, then resolves with the latencies since the last measurement. */
  async measureFor(ms: number): Promise<Latencies> {
    await sleep(ms);
    return this.measure();
  }

  /**
   * Resolves with the latencies since the last measurement. Rejects if a reader missed an event.
   */
  async measure(): Promise<Latencies> {
    this.#process.send("measure");
    return (await nextMessage("the bystanders' process", this.#process)) as Latencies;
  }
}
