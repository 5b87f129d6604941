/** A network in virtual time between clients and a model server, with faults on request. */
import { mock } from "node:test";
import { accept } from "./accept.ts";
import type { ModelServer } from "./server.ts";
import type { ServerSocket } from "./session.ts";

/** Returns a generator of pseudorandom numbers. Equal seeds give equal numbers. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Waits until pending promises have settled, because virtual time does not wait for them. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Advances virtual time. Timers that are due within one step fire at the end of the step. */
export async function advance(ms: number, step = ms > 1_000 ? 50 : 5): Promise<void> {
  await settle();
  for (let left = ms; left > 0; left -= step) {
    mock.timers.tick(Math.min(step, left));
    await settle();
  }
}

export const START = Date.UTC(2026, 0, 1);

/**
 * Time by which the wall clock is ahead of the true time, in ms. Users and time servers set the
 * wall clock.
 */
let wallAhead = 0;

export const stepWallClock = (ms: number): void => void (wallAhead += ms);

/** The server's clock, in ms since 1970. */
export const trueTime = (): number => START + performance.now();

// At the first use of `mock.timers`, Node prints through `console.error` a warning that this API is
// experimental. The warning is printed here, before a test replaces `console.error` and counts its
// calls.
mock.timers.enable({ apis: ["Date"] });
await settle();
mock.timers.reset();

const realNow = performance.now.bind(performance);
const realSetTimeout = globalThis.setTimeout;

/** Restores the machine's own time. */
export function stopClock(): void {
  mock.timers.reset();
  performance.now = realNow;
  globalThis.setTimeout = realSetTimeout;
}

export function startClock(): void {
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: START });
  const trueNow = Date.now;
  wallAhead = 0;
  // `mock.method` is not used, because it records each call and so retains the calling objects.
  performance.now = () => trueNow() - START;
  Date.now = () => trueNow() + wallAhead;
  // Delays are whole milliseconds, as in the timers of the runtimes. So a timer may fire early.
  const { setTimeout } = globalThis;
  globalThis.setTimeout = ((callback: () => void, ms: number) =>
    setTimeout(callback, Math.max(1, Math.trunc(ms)))) as typeof setTimeout;
}

export class Network {
  readonly server: ModelServer;
  readonly connections = new Set<SimulatedSocket>();
  /** Delay of a frame, in ms. */
  delay: () => number = () => 5;
  /** `true` if every dial fails, as without a network. */
  down = false;
  /** Returns how many copies of a frame the client receives. */
  copies: (frame: object) => number = () => 1;
  dialled = 0;
  readonly WebSocket: typeof globalThis.WebSocket;

  constructor(server: ModelServer) {
    this.server = server;
    const network = this;
    this.WebSocket = class extends SimulatedSocket {
      constructor(url: string, protocols: string[]) {
        super(network, url, protocols);
      }
    } as unknown as typeof globalThis.WebSocket;
  }
}

/** The client's end of a connection, and the network to the server. */
export class SimulatedSocket {
  readonly url: URL;
  readonly #network: Network;
  #accepted: ServerSocket | undefined;
  #frozen = false;
  #closed = false;
  /**
   * Time when the last frame arrives. A later frame with a shorter delay must not arrive earlier.
   */
  #lastArrival = 0;
  onmessage: ((message: { data: string }) => void) | null = null;
  onclose: ((close: { code: number }) => void) | null = null;
  onopen: (() => void) | null = null;
  onerror: (() => void) | null = null;

  constructor(network: Network, url: string, protocols: string[]) {
    this.url = new URL(url);
    this.#network = network;
    network.dialled++;
    network.connections.add(this);
    const token = protocols.find((protocol) => protocol.startsWith("bearer."))?.slice(7);
    this.#later(() => {
      if (network.down) return this.#fail();
      this.#accepted = accept(network.server, this.url, token, {
        send: (frame) => this.#down(frame),
        close: (code) => this.#later(() => this.#close(code)),
      });
      this.#later(() => this.onopen?.());
    });
  }

  get user(): string | undefined {
    return this.#accepted?.user;
  }

  get open(): boolean {
    return this.#accepted !== undefined && !this.#closed;
  }

  send(text: string): void {
    this.#later(() => this.#accepted?.receive(text));
  }

  close(code: number): void {
    this.#later(() => this.#accepted?.disconnect(code));
    this.#closed = true;
    this.#network.connections.delete(this);
  }

  /** Breaks the connection, so that both sides detect the break. Frames in transit are lost. */
  cut(code = 1006): void {
    this.#accepted?.disconnect(code);
    this.#close(code);
  }

  /** Makes the connection half-open: no frame passes, and the client is not notified. */
  freeze(): void {
    this.#frozen = true;
    this.#accepted?.disconnect(1006);
  }

  expire(): void {
    this.#accepted?.expire();
  }

  #down(frame: object): void {
    const text = JSON.stringify(frame);
    for (let copies = this.#network.copies(frame); copies > 0; copies--) {
      this.#later(() => {
        if (!this.#closed) this.onmessage?.({ data: text });
      });
    }
  }

  /** Fails the dial as Node does, with an `error` event only. */
  #fail(): void {
    this.#closed = true;
    this.#network.connections.delete(this);
    this.onerror?.();
  }

  #close(code: number): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#network.connections.delete(this);
    this.onclose?.({ code });
  }

  #later(action: () => void): void {
    const at = Math.max(performance.now() + this.#network.delay(), this.#lastArrival);
    this.#lastArrival = at;
    setTimeout(() => {
      if (!this.#frozen) action();
    }, at - performance.now());
  }
}
