import { RoomcastError, type Code } from "./codes.ts";
import type { Pace } from "./pace.ts";
import { checkBytes, MAX_FRAME_BYTES } from "./protocol.ts";

export interface PublishOptions {
  /** Publishing the same id again counts once. Drawn at random if there is none. */
  readonly id?: string;
  /** The event replaces the one of this key in the room's state. */
  readonly key?: string;
}

/** Resolves with the event's seq once the event is durable. */
export type Publishing = Promise<number> & {
  /** The id that the event will carry, known at once: for optimistic updates. */
  readonly id: string;
};

export interface Draft {
  readonly name: string;
  readonly data: unknown;
  readonly id: string;
  readonly key?: string | undefined;
}

interface Publish {
  readonly ref: string;
  readonly text: string;
  readonly giveUpAt: number;
  sent: boolean;
  resolve(seq: number): void;
  reject(error: RoomcastError): void;
}

export interface OutboxLimits {
  readonly maxQueued: number;
  readonly timeoutMs: number;
}

/** The publishes of a room that have no ack yet, in order. It reads no clock and sends nothing itself. */
export class Outbox {
  readonly #room: string;
  readonly #limits: OutboxLimits;
  readonly #pace: Pace;
  readonly #publishes = new Map<string, Publish>();
  #refs = 0;
  /** When some may be sent again that may not yet. */
  #resumeAt = Infinity;

  constructor(room: string, limits: OutboxLimits, pace: Pace) {
    this.#room = room;
    this.#limits = limits;
    this.#pace = pace;
  }

  async add(draft: Draft, now: number): Promise<number> {
    const { maxQueued, timeoutMs } = this.#limits;
    if (this.#publishes.size >= maxQueued) {
      throw new RoomcastError("queue_full", `${maxQueued} publishes are waiting already.`);
    }
    const ref = String(++this.#refs);
    const text = JSON.stringify({ type: "publish", room: this.#room, ref, ...draft });
    // The room would close the socket, and a publish that is sent again would close the next one.
    checkBytes(text, MAX_FRAME_BYTES);
    const giveUpAt = now + timeoutMs;
    return new Promise((resolve, reject) =>
      this.#publishes.set(ref, { ref, text, giveUpAt, sent: false, resolve, reject }),
    );
  }

  /** The frames that may be sent now. */
  *take(now: number): Generator<string> {
    this.#resumeAt = Infinity;
    for (const publish of this.#publishes.values()) {
      if (publish.sent) continue;
      if (!this.#pace.take(now)) {
        this.#resumeAt = this.#pace.resumeAt;
        return;
      }
      publish.sent = true;
      yield publish.text;
    }
  }

  acknowledged(ref: string, seq: number): void {
    this.#remove(ref)?.resolve(seq);
  }

  refused(ref: string, error: RoomcastError, now: number): void {
    const publish = this.#publishes.get(ref);
    if (publish === undefined) return;
    if (error.code !== "rate_limited" && error.code !== "internal") {
      return this.#remove(ref)?.reject(error);
    }
    publish.sent = false;
    this.#pace.refused(now, error.retryAfterMs);
  }

  /** What was sent may be stored or not. It is sent again with its id, so that it counts once. */
  disconnected(): void {
    this.#resumeAt = Infinity;
    for (const publish of this.#publishes.values()) publish.sent = false;
  }

  expire(now: number): void {
    const message = `No ack in ${this.#limits.timeoutMs} ms: publish again with the same id.`;
    this.#reject(({ giveUpAt }) => giveUpAt <= now, "timeout", message);
  }

  end(code: Code): void {
    this.#reject(() => true, code, `The room has ended: ${code}.`);
  }

  /** When it wants to be looked at again: to send more, or to give up the oldest. */
  get dueAt(): number {
    const [oldest] = this.#publishes.values();
    return Math.min(this.#resumeAt, oldest?.giveUpAt ?? Infinity);
  }

  #reject(which: (publish: Publish) => boolean, code: Code, message: string): void {
    for (const publish of this.#publishes.values()) {
      if (which(publish)) this.#remove(publish.ref)?.reject(new RoomcastError(code, message));
    }
  }

  #remove(ref: string): Publish | undefined {
    const publish = this.#publishes.get(ref);
    this.#publishes.delete(ref);
    return publish;
  }
}
