/** What a scenario is: something that is done to one peer, and comes to some figures. */
import { setTimeout as passes } from "node:timers/promises";
import { Backend } from "../load/backend.ts";
import type { Effort, Load } from "../load/load.ts";
import { type Publisher, publisher } from "../load/publisher.ts";
import { now } from "../load/tally.ts";
import type { Ability, Peer, Server } from "../peers/peer.ts";
import { cpuMs } from "../process.ts";

export interface Scenario {
  name: string;
  /** What a peer must be able to, to take part. */
  needs: readonly Ability[];
  /** In how many runs at most it takes part; in all where it doesn't say. */
  runs?: number;
  run(peer: Peer, load: Load, scale: Scale): Promise<Figures[]>;
}

/** How much of it: all of it, a quick look, or just enough to see that it works. */
export type Scale = "full" | "quick" | "smoke";

/** By name, with the unit last; `at` tells several measurements of one scenario apart. */
export interface Figures {
  at?: string;
  [figure: string]: number | string | undefined;
}

export const ROOM = "arena";
/** As much data as an event has in most applications. */
export const EVENT_BYTES = 120;

const running = new Map<Peer, Server>();

/** A server of the scenario's own, which ends with it. */
export async function withServer<T>(peer: Peer, act: (server: Server) => Promise<T>): Promise<T> {
  running.set(peer, await peer.start());
  try {
    return await act(running.get(peer)!);
  } finally {
    await stop(peer);
  }
}

/** Also where a scenario was given up, which doesn't get to its end. */
export async function stop(peer: Peer): Promise<void> {
  const server = running.get(peer);
  running.delete(peer);
  await server?.stop();
}

/** Runs `act` with a publisher that has joined the room, and disconnects it after that. */
export async function withPublisher<T>(
  server: Server,
  load: Load,
  act: (publisher: RoomPublisher) => Promise<T>,
): Promise<T> {
  const socket = await publisher(server.target, ROOM);
  try {
    return await act(new RoomPublisher(load, socket));
  } finally {
    socket.end();
  }
}

/** Publishes events with ascending numbers, and waits until all sockets have received them. */
export class RoomPublisher {
  #head = 0;
  readonly #load: Load;
  readonly #socket: Publisher;

  constructor(load: Load, socket: Publisher) {
    this.#load = load;
    this.#socket = socket;
  }

  /** Publishes events at once. Returns the ms until all sockets have received them. */
  async burst(events: number): Promise<number> {
    const began = now();
    this.#socket.publish(this.#head + 1, this.#head + events, EVENT_BYTES);
    this.#head += events;
    return (await this.#load.until(this.#head)) - began;
  }

  /** Publishes events one at a time. Returns, for each, the ms until all sockets have received it. */
  async paced({ events, every_ms }: Pace): Promise<number[]> {
    await this.#load.from(this.#head);
    const first = this.#head + 1;
    const publishedAt: number[] = [];
    for (let i = 0; i < events; i++) {
      this.#head += 1;
      publishedAt.push(now());
      this.#socket.publish(this.#head, this.#head, EVENT_BYTES);
      await passes(every_ms);
    }
    await this.#load.until(this.#head);
    const { doneAt } = await this.#load.got();
    return publishedAt.map((at, i) => doneAt.get(first + i)! - at);
  }
}

/** How many events are published, and the pause after each. */
export interface Pace {
  events: number;
  every_ms: number;
}

/** Runs `act` with a backend that publishes over HTTP, and closes its connection after that. */
export async function withBackend<T>(
  server: Server,
  act: (backend: Backend) => Promise<T>,
): Promise<T> {
  const backend = new Backend(server.target);
  try {
    return await act(backend);
  } finally {
    backend.end();
  }
}

/** So many clients of one user, in one room. */
export const clients = (count: number) =>
  Array.from({ length: count }, () => ({ room: ROOM, user: "reader" }));

export interface Cost extends Effort {
  server_ms: number;
}

/** What it cost the server, and the load program, to do something. */
export async function cost<T>(
  server: Server,
  load: Load,
  act: () => Promise<T>,
): Promise<[T, Cost]> {
  const before = await cpuMs(server.pid);
  const [value, effort] = await load.effort(act);
  return [value, { ...effort, server_ms: (await cpuMs(server.pid)) - before }];
}

/** Resolves when the server has done what it had to do: it has been quiet for a while. */
export async function settled({ pid }: Server): Promise<void> {
  for (
    let before = -1, now = await cpuMs(pid);
    now !== before;
    before = now, now = await cpuMs(pid)
  ) {
    await passes(200);
  }
}

/** The load program's part of a result. */
export const loadOf = ({ busiest, cpu_ms }: Effort): Figures => ({
  load_cpu_ms: cpu_ms,
  load_busiest: busiest,
});

/** Everybody has everything once, and in order; or it is no result. */
export async function assertWhole(load: Load, expected: number): Promise<void> {
  const { events, misordered, missing } = await load.got();
  if (events === expected && misordered === 0 && missing === 0) return;
  throw new Error(
    `${events} of ${expected} events, ${missing} missing, ${misordered} out of order`,
  );
}
