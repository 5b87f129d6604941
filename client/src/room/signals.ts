import { Listeners } from "../listeners.ts";
import type { Grant } from "./grant.ts";
import { checkBytes, MAX_SIGNAL_BYTES, WINDOW_MS, type Signal } from "../protocol.ts";
import type { Sender } from "./sender.ts";

/** The newest signal of a name, until it goes out, and when the next may. */
interface PendingSignal {
  readonly text: string | undefined;
  readonly endsAt: number;
}

/** The signals of a room, sent and heard. It reads no clock and sends nothing itself. */
export class Signals implements Sender {
  readonly #room: string;
  readonly #grant: Grant;
  readonly #handlers = new Listeners<(signal: Signal) => unknown>();
  readonly #pending = new Map<string, PendingSignal>();

  constructor(room: string, grant: Grant) {
    this.#room = room;
    this.#grant = grant;
  }

  /** Takes the place of what waits under that name. Throws where it is more than the room takes. */
  add(name: string, data: unknown = null): void {
    checkBytes(JSON.stringify(data), MAX_SIGNAL_BYTES);
    const text = JSON.stringify({ type: "signal", room: this.#room, name, data });
    this.#pending.set(name, { text, endsAt: this.#pending.get(name)?.endsAt ?? 0 });
  }

  *drain(now: number): Generator<string> {
    for (const [name, { text, endsAt }] of this.#pending) {
      if (endsAt > now) continue;
      const isToGo = text !== undefined && this.#grant.allows("publish");
      if (isToGo) yield text;
      this.#pending.delete(name);
      // Behind the others, so that each has its turn where only some may be sent.
      if (isToGo) this.#pending.set(name, { text: undefined, endsAt: now + WINDOW_MS });
    }
  }

  /** Not connected: a signal is only worth something now. */
  drop(): void {
    this.#pending.clear();
  }

  get dueAt(): number {
    const waiting = [...this.#pending.values()].filter(({ text }) => text !== undefined);
    return Math.min(...waiting.map(({ endsAt }) => endsAt));
  }

  /** Returns what stops it. */
  on(handler: (signal: Signal) => unknown): () => void {
    return this.#handlers.add(handler);
  }

  onFrame({ name, data, from }: Signal): void {
    this.#handlers.notify((handler) => handler({ name, data, from }));
  }
}
