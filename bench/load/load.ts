/** The load program: threads full of sockets, and a publisher of its own. */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { Got } from "./crowd.ts";
import type { Client, Target } from "../peers/dialect.ts";
import type { Answer, Asked, Verb } from "./thread.ts";

/** What it took this process, while something was measured. */
export interface Effort {
  /** CPU of all threads, in ms. */
  cpu_ms: number;
  /** How much of a core the busiest thread used, 0 to 1. */
  busiest: number;
}

export class Load {
  /** One core is the server's, and one the publisher's. */
  readonly #threads = Array.from(
    { length: Math.max(1, availableParallelism() - 2) },
    () => new Thread(),
  );

  /** Opens sockets for all of these; answers when the last was in its room. */
  async open(target: Target, clients: Client[], width = 200): Promise<number> {
    const at = await this.#each((thread, i, all) => {
      const share = clients.filter((_, client) => client % all === i);
      return thread.ask("open", { target, clients: share, width: Math.ceil(width / all) });
    });
    return Math.max(...at);
  }

  async from(n: number): Promise<void> {
    await this.#each((thread) => thread.ask("from", n));
  }

  async until(n: number): Promise<number> {
    return Math.max(...(await this.#each((thread) => thread.ask("until", n))));
  }

  async standStill(count: number): Promise<void> {
    await this.#each((thread, i, all) =>
      thread.ask("standStill", Math.floor(count / all) + (i < count % all ? 1 : 0)),
    );
  }

  async beat(): Promise<void> {
    await this.#each((thread) => thread.ask("beat"));
  }

  async say(text: string): Promise<void> {
    await this.#each((thread) => thread.ask("say", text));
  }

  /** Bytes that went over the wire since the sockets were opened, both ways. */
  async wire(): Promise<number> {
    return sum(await this.#each((thread) => thread.ask("wire")));
  }

  async got(): Promise<Got> {
    const parts = await this.#each((thread) => thread.ask("got"));
    const doneAt = new Map<number, number>();
    for (const part of parts)
      for (const [n, at] of part.doneAt) doneAt.set(n, Math.max(at, doneAt.get(n) ?? 0));
    return {
      frames: sum(parts.map(({ frames }) => frames)),
      events: sum(parts.map(({ events }) => events)),
      misordered: sum(parts.map(({ misordered }) => misordered)),
      missing: sum(parts.map(({ missing }) => missing)),
      doneAt,
    };
  }

  /** All sockets go; answers who they were, and where, so that they can come back. */
  async drop(): Promise<Client[]> {
    return (await this.#each((thread) => thread.ask("drop"))).flat();
  }

  /** What it cost to do something. */
  async effort<T>(act: () => Promise<T>): Promise<[T, Effort]> {
    const began = performance.now();
    const before = await this.#cpu();
    const value = await act();
    const after = await this.#cpu();
    const each_ms = after.map((ms, i) => ms - before[i]!);
    const wall_ms = performance.now() - began;
    const cpu_ms = sum(each_ms);
    return [value, { cpu_ms, busiest: Math.max(...each_ms) / wall_ms }];
  }

  async close(): Promise<void> {
    await this.#each((thread) => thread.end());
  }

  async #cpu(): Promise<number[]> {
    const usages = await this.#each((thread) => thread.ask("cpu"));
    return [process.threadCpuUsage(), ...usages].map(({ user, system }) => (user + system) / 1000);
  }

  #each<T>(act: (thread: Thread, i: number, all: number) => Promise<T>): Promise<T[]> {
    return Promise.all(this.#threads.map((thread, i) => act(thread, i, this.#threads.length)));
  }
}

const sum = (values: number[]): number => values.reduce((all, value) => all + value, 0);

type Told<V extends Verb> = Awaited<ReturnType<Asked[V]>>;

class Thread {
  readonly #worker = new Worker(new URL("thread.ts", import.meta.url));
  readonly #waiting = new Map<number, PromiseWithResolvers<any>>();
  #asked = 0;

  constructor() {
    this.#worker.on("message", (answer: Answer) => {
      const waiting = this.#waiting.get(answer.id)!;
      this.#waiting.delete(answer.id);
      if ("error" in answer) waiting.reject(new Error(answer.error));
      else waiting.resolve(answer.value);
    });
    this.#worker.on("error", (error) => {
      for (const { reject } of this.#waiting.values()) reject(error);
    });
    this.#worker.unref();
  }

  ask<V extends Verb>(verb: V, ...given: Parameters<Asked[V]>): Promise<Told<V>> {
    const id = this.#asked++;
    const waiting = Promise.withResolvers<Told<V>>();
    this.#waiting.set(id, waiting);
    this.#worker.ref();
    this.#worker.postMessage({ id, verb, given });
    return waiting.promise.finally(() => {
      if (this.#waiting.size === 0) this.#worker.unref();
    });
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}
