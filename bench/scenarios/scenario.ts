/** A scenario: a load for one peer, and the measured figures. */
import { setTimeout as sleep } from "node:timers/promises";
import { Backend } from "../load/backend.ts";
import type { LoadUsage, LoadGenerator } from "../load/generator.ts";
import { type Publisher, openPublisher } from "../load/publisher.ts";
import { now } from "../load/events.ts";
import type { Capability, Peer, Server } from "../peers/peer.ts";
import { cpuMs } from "../process.ts";

export interface Scenario {
  name: string;
  /** Capabilities that a peer must have to take part. */
  needs: readonly Capability[];
  /** Maximum number of runs of this scenario. By default, the scenario is part of all runs. */
  runs?: number;
  run(peer: Peer, load: LoadGenerator, scale: Scale): Promise<Figures[]>;
}

/**
 * Size of a scenario. `quick` gives a first impression, and `smoke` only tests that the scenario
 * works.
 */
export type Scale = "full" | "quick" | "smoke";

/**
 * Figures by name. The name of a figure ends with its unit. If a scenario has several parts, `at`
 * names the measured part.
 */
export interface Figures {
  at?: string;
  [figure: string]: number | string | undefined;
}

export const ROOM = "arena";
/** Size of an event's data in most applications. */
export const EVENT_BYTES = 120;

const running = new Map<Peer, Server>();

/** Starts the peer's server, runs `act`, and stops the server after that. */
export async function withServer<T>(
  peer: Peer,
  act: (server: Server) => Promise<T>,
  vars?: Record<string, string>,
): Promise<T> {
  running.set(peer, await peer.start(vars));
  try {
    return await act(running.get(peer)!);
  } finally {
    await stop(peer);
  }
}

/** Stops the server of a peer. Also works after the scenario has timed out. */
export async function stop(peer: Peer): Promise<void> {
  const server = running.get(peer);
  running.delete(peer);
  await server?.stop();
}

/**
 * Runs `act` with a publisher that has joined the room, and disconnects the publisher after that.
 */
export async function withPublisher<T>(
  server: Server,
  load: LoadGenerator,
  act: (publisher: RoomPublisher) => Promise<T>,
): Promise<T> {
  const publisher = await openPublisher(server.target, ROOM);
  try {
    return await act(new RoomPublisher(load, publisher));
  } finally {
    publisher.close();
  }
}

/** Publishes events with ascending numbers, and waits until all sockets have received them. */
export class RoomPublisher {
  #head = 0;
  readonly #load: LoadGenerator;
  readonly #publisher: Publisher;

  constructor(load: LoadGenerator, publisher: Publisher) {
    this.#load = load;
    this.#publisher = publisher;
  }

  /** Publishes events in one burst. Returns the time in ms until all sockets have received them. */
  async burst(events: number): Promise<number> {
    const began = now();
    const first = this.#head + 1;
    this.#head += events;
    await this.#publisher.publish(first, this.#head, EVENT_BYTES);
    return (await this.#load.waitFor(this.#head)) - began;
  }

  /**
   * Publishes events one at a time. Returns, for each event, the time in ms until all sockets have
   * received it.
   */
  async paced({ events, every_ms }: Pace): Promise<number[]> {
    await this.#load.resetCounts(this.#head);
    const first = this.#head + 1;
    const publishedAt: number[] = [];
    for (let i = 0; i < events; i++) {
      this.#head += 1;
      publishedAt.push(now());
      await this.#publisher.publish(this.#head, this.#head, EVENT_BYTES);
      await sleep(every_ms);
    }
    await this.#load.waitFor(this.#head);
    const { deliveredAt } = await this.#load.counts();
    return publishedAt.map((at, i) => deliveredAt.get(first + i)! - at);
  }
}

/** Number of events to publish, and the pause after each event. */
export interface Pace {
  events: number;
  every_ms: number;
}

/**
 * Runs `act` with a backend that publishes over HTTP, and closes the backend's connection after
 * that.
 */
export async function withBackend<T>(
  server: Server,
  act: (backend: Backend) => Promise<T>,
): Promise<T> {
  const backend = new Backend(server.target);
  try {
    return await act(backend);
  } finally {
    backend.close();
  }
}

/** Returns `count` clients of one user, for one room. */
export const clients = (count: number) =>
  Array.from({ length: count }, () => ({ room: ROOM, user: "reader" }));

export interface Cost extends LoadUsage {
  server_ms: number;
}

/** Runs `act`, and measures its cost for the server and the load generator. */
export async function measureCost<T>(
  server: Server,
  load: LoadGenerator,
  act: () => Promise<T>,
): Promise<[T, Cost]> {
  const before = await cpuMs(server.pid);
  const [value, usage] = await load.measure(act);
  return [value, { ...usage, server_ms: (await cpuMs(server.pid)) - before }];
}

/** Resolves when the server is idle: it has used no CPU for 200 ms. */
export async function untilIdle({ pid }: Server): Promise<void> {
  for (
    let before = -1, now = await cpuMs(pid);
    now !== before;
    before = now, now = await cpuMs(pid)
  ) {
    await sleep(200);
  }
}

/** Returns the load generator's cost as figures. */
export const loadFigures = ({ busiest, cpu_ms }: LoadUsage): Figures => ({
  load_cpu_ms: cpu_ms,
  load_busiest: busiest,
});

/** Throws unless every socket has received every event once and in order. */
export async function assertComplete(load: LoadGenerator, expected: number): Promise<void> {
  const { events, misordered, missing } = await load.counts();
  if (events === expected && misordered === 0 && missing === 0) return;
  throw new Error(
    `${events} of ${expected} events, ${missing} missing, ${misordered} out of order`,
  );
}
