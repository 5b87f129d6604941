import { Listeners } from "../listeners.ts";
import type { Grant } from "./grant.ts";
import { checkBytes, MAX_SIGNAL_BYTES, WINDOW_MS } from "../limits.ts";
import type { Signal } from "../protocol.ts";
import type { Sender } from "./sender.ts";

/**
 * The newest unsent signal of a name, if there is one, and the time when the next signal of that
 * name may be sent.
 */
interface PendingSignal {
  readonly text: string | undefined;
  readonly endsAt: number;
}

/** The signals of a room, in both directions. Reads no clock and sends nothing itself. */
export class Signals implements Sender {
  readonly #room: string;
  readonly #grant: Grant;
  readonly #handlers = new Listeners<(signal: Signal) => unknown>();
  readonly #pending = new Map<string, PendingSignal>();

  constructor(room: string, grant: Grant) {
    this.#room = room;
    this.#grant = grant;
  }

  /**
   * Queues a signal, which replaces the waiting signal of the same name, if any. Throws `too_large`
   * if the data exceeds the room's limit.
   */
  add(name: string, data: unknown = null): void {
    checkBytes(JSON.stringify(data), MAX_SIGNAL_BYTES);
    const text = JSON.stringify({ type: "signal", room: this.#room, name, data });
    this.#pending.set(name, { text, endsAt: this.#pending.get(name)?.endsAt ?? 0 });
  }

  *drain(now: number): Generator<string> {
    for (const [name, { text, endsAt }] of this.#pending) {
      if (endsAt > now) continue;
      const isDue = text !== undefined && this.#grant.allows("publish");
      if (isDue) yield text;
      this.#pending.delete(name);
      // Moves the name to the end, so that each name has its turn if the rate limit allows only
      // some signals.
      if (isDue) this.#pending.set(name, { text: undefined, endsAt: now + WINDOW_MS });
    }
  }

  /**
   * Drops the waiting signals while the client is not connected, because late signals are useless.
   */
  drop(): void {
    this.#pending.clear();
  }

  get dueAt(): number {
    const waiting = [...this.#pending.values()].filter(({ text }) => text !== undefined);
    return Math.min(...waiting.map(({ endsAt }) => endsAt));
  }

  /** Adds a handler and returns a function that removes it. */
  on(handler: (signal: Signal) => unknown): () => void {
    return this.#handlers.add(handler);
  }

  onFrame({ name, data, from }: Signal): void {
    this.#handlers.notify((handler) => handler({ name, data, from }));
  }
}
