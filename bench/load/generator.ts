/** The load generator: threads with many sockets each, and a publisher in the main thread. */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { Client, Target } from "../peers/dialect.ts";
import type { Counts } from "./pool.ts";
import type { Commands, Method, Reply } from "./thread.ts";
import { type ThreadUsage, threadUsage } from "./usage.ts";

/** Cost of the load generator during a measurement. */
export interface LoadUsage {
  /** CPU of all threads, in ms. */
  cpu_ms: number;
  /** Share of a core that the busiest thread used, from 0 to 1. */
  busiest: number;
}

export class LoadGenerator {
  /** Threads with sockets. One core is left for the server, and another core for the publisher. */
  readonly #threads = Array.from(
    { length: Math.max(1, availableParallelism() - 2) },
    () => new Thread(),
  );

  /** Connects clients. Resolves with the time when the last client has joined its room. */
  async open(target: Target, clients: Client[], concurrency = 200): Promise<number> {
    const at = await this.#each((thread, i, all) => {
      const share = clients.filter((_, client) => client % all === i);
      const width = Math.ceil(concurrency / all);
      return thread.call("open", { target, clients: share, concurrency: width });
    });
    return Math.max(...at);
  }

  async resetCounts(n: number): Promise<void> {
    await this.#each((thread) => thread.call("resetCounts", n));
  }

  async waitFor(n: number): Promise<number> {
    return Math.max(...(await this.#each((thread) => thread.call("waitFor", n))));
  }

  async pause(count: number): Promise<void> {
    await this.#each((thread, i, all) =>
      thread.call("pause", Math.floor(count / all) + (i < count % all ? 1 : 0)),
    );
  }

  async sendHeartbeats(): Promise<void> {
    await this.#each((thread) => thread.call("sendHeartbeats"));
  }

  async send(text: string): Promise<void> {
    await this.#each((thread) => thread.call("send", text));
  }

  /** Returns the bytes sent and received since the sockets were opened. */
  async wireBytes(): Promise<number> {
    return sum(await this.#each((thread) => thread.call("wireBytes")));
  }

  async counts(): Promise<Counts> {
    const parts = await this.#each((thread) => thread.call("counts"));
    const deliveredAt = new Map<number, number>();
    for (const part of parts)
      for (const [n, at] of part.deliveredAt)
        deliveredAt.set(n, Math.max(at, deliveredAt.get(n) ?? 0));
    return {
      frames: sum(parts.map(({ frames }) => frames)),
      events: sum(parts.map(({ events }) => events)),
      misordered: sum(parts.map(({ misordered }) => misordered)),
      missing: sum(parts.map(({ missing }) => missing)),
      deliveredAt,
    };
  }

  /** Closes all TCP connections. Returns the clients with their positions, to reconnect them. */
  async disconnect(): Promise<Client[]> {
    return (await this.#each((thread) => thread.call("disconnect"))).flat();
  }

  /** Runs `act`, and measures its cost for the load generator. */
  async measure<T>(act: () => Promise<T>): Promise<[T, LoadUsage]> {
    const before = await this.#usages();
    const value = await act();
    const after = await this.#usages();
    const each = after.map(({ cpu_ms, at }, i) => {
      const since = before[i]!;
      return { cpu_ms: cpu_ms - since.cpu_ms, wall_ms: at - since.at };
    });
    return [
      value,
      {
        cpu_ms: sum(each.map(({ cpu_ms }) => cpu_ms)),
        busiest: Math.max(...each.map(({ cpu_ms, wall_ms }) => cpu_ms / wall_ms)),
      },
    ];
  }

  async close(): Promise<void> {
    await this.#each((thread) => thread.end());
  }

  /** Returns the usage of each thread. The first one is the main thread, which publishes. */
  async #usages(): Promise<ThreadUsage[]> {
    const usages = await this.#each((thread) => thread.call("usage"));
    return [threadUsage(), ...usages];
  }

  #each<T>(act: (thread: Thread, i: number, all: number) => Promise<T>): Promise<T[]> {
    return Promise.all(this.#threads.map((thread, i) => act(thread, i, this.#threads.length)));
  }
}

const sum = (values: number[]): number => values.reduce((all, value) => all + value, 0);

type Result<M extends Method> = Awaited<ReturnType<Commands[M]>>;

class Thread {
  readonly #worker = new Worker(new URL("thread.ts", import.meta.url));
  readonly #pending = new Map<number, PromiseWithResolvers<any>>();
  #calls = 0;

  constructor() {
    this.#worker.on("message", (reply: Reply) => {
      const pending = this.#pending.get(reply.id)!;
      this.#pending.delete(reply.id);
      if ("error" in reply) pending.reject(new Error(reply.error));
      else pending.resolve(reply.value);
    });
    this.#worker.on("error", (error) => {
      for (const { reject } of this.#pending.values()) reject(error);
    });
    this.#worker.unref();
  }

  call<M extends Method>(method: M, ...args: Parameters<Commands[M]>): Promise<Result<M>> {
    const id = this.#calls++;
    const pending = Promise.withResolvers<Result<M>>();
    this.#pending.set(id, pending);
    this.#worker.ref();
    this.#worker.postMessage({ id, method, args });
    return pending.promise.finally(() => {
      if (this.#pending.size === 0) this.#worker.unref();
    });
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}
