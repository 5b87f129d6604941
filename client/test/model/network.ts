/** A network in virtual time between clients and a model server, which breaks as it is told to. */
import { mock } from "node:test";
import type { Accepted, ModelServer } from "./server.ts";

/** Numbers that look random and are the same for the same seed. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Lets promises settle, which virtual time does not wait for. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** What becomes due within one step rings at its end. */
export async function advance(ms: number, step = ms > 1_000 ? 50 : 5): Promise<void> {
  await settle();
  for (let left = ms; left > 0; left -= step) {
    mock.timers.tick(Math.min(step, left));
    await settle();
  }
}

export const START = Date.UTC(2026, 0, 1);

/** How far the wall clock is ahead of the true time, as people and time servers set it. */
let wallAhead = 0;

export const stepWallClock = (ms: number): void => void (wallAhead += ms);

/** What the server goes by, in ms since 1970. */
export const trueTime = (): number => START + performance.now();

// At its first use, Node warns that `mock.timers` is experimental, through `console.error`. The
// warning is printed here, before a test replaces `console.error` and counts its calls.
mock.timers.enable({ apis: ["Date"] });
await settle();
mock.timers.reset();

const realNow = performance.now.bind(performance);
const realSetTimeout = globalThis.setTimeout;

/** Goes back to the machine's own time. */
export function stopClock(): void {
  mock.timers.reset();
  performance.now = realNow;
  globalThis.setTimeout = realSetTimeout;
}

export function startClock(): void {
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: START });
  const trueNow = Date.now;
  wallAhead = 0;
  // Not by `mock.method`, which would keep each call, and with it whoever asked.
  performance.now = () => trueNow() - START;
  Date.now = () => trueNow() + wallAhead;
  // In whole milliseconds, as the runtimes have it: so it may ring before its time.
  const { setTimeout } = globalThis;
  globalThis.setTimeout = ((ring: () => void, ms: number) =>
    setTimeout(ring, Math.max(1, Math.trunc(ms)))) as typeof setTimeout;
}

export class Network {
  readonly server: ModelServer;
  readonly wires = new Set<Wire>();
  /** How long a frame is under way. */
  delay: () => number = () => 5;
  /** No socket opens: each try fails as it does without a network. */
  down = false;
  /** Looks at each frame to a client, and says how often it arrives. */
  copies: (frame: object) => number = () => 1;
  dialled = 0;
  readonly WebSocket: typeof globalThis.WebSocket;

  constructor(server: ModelServer) {
    this.server = server;
    const network = this;
    this.WebSocket = class extends Wire {
      constructor(url: string, protocols: string[]) {
        super(network, url, protocols);
      }
    } as unknown as typeof globalThis.WebSocket;
  }
}

/** The client's end of a connection, and all the network in between. */
export class Wire {
  readonly url: URL;
  readonly #network: Network;
  #accepted: Accepted | undefined;
  #frozen = false;
  #closed = false;
  /** A frame never overtakes another, however long that one takes. */
  #lastArrival = 0;
  onmessage: ((message: { data: string }) => void) | null = null;
  onclose: ((close: { code: number }) => void) | null = null;
  onopen: (() => void) | null = null;
  onerror: (() => void) | null = null;

  constructor(network: Network, url: string, protocols: string[]) {
    this.url = new URL(url);
    this.#network = network;
    network.dialled++;
    network.wires.add(this);
    const token = protocols.find((protocol) => protocol.startsWith("bearer."))?.slice(7);
    this.#later(() => {
      if (network.down) return this.#fail();
      this.#accepted = network.server.connect(this.url, token, {
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
    this.#later(() => this.#accepted?.hear(text));
  }

  close(code: number): void {
    this.#later(() => this.#accepted?.lose(code));
    this.#closed = true;
    this.#network.wires.delete(this);
  }

  /** The connection breaks, and both sides know. What was under way is lost. */
  cut(code = 1006): void {
    this.#accepted?.lose(code);
    this.#close(code);
  }

  /** Nothing passes any more, and nobody knows: a half-open connection. */
  freeze(): void {
    this.#frozen = true;
    this.#accepted?.lose(1006);
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

  /** It never opened, of which Node says no more than that there was an error. */
  #fail(): void {
    this.#closed = true;
    this.#network.wires.delete(this);
    this.onerror?.();
  }

  #close(code: number): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#network.wires.delete(this);
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
