import { RoomcastError, type Code } from "../codes.ts";
import { checkBytes, MAX_FRAME_BYTES } from "../limits.ts";
import type { Sender } from "./sender.ts";

export interface PublishOptions {
  /**
   * Id of the event, at most 128 characters, and random by default. If a user publishes twice with
   * the same id, the event is stored once.
   */
  readonly id?: string | undefined;
  /**
   * Key of the event in the room's state, at most 256 characters. The event replaces the previous
   * event with the same key.
   */
  readonly key?: string | undefined;
}

/** Resolves with the event's seq once the event is durable. Rejects with a `RoomcastError`. */
export type Publishing = Promise<number> & {
  /** Id of the event, known immediately, for optimistic updates. */
  readonly id: string;
};

export interface Draft {
  readonly name: string;
  readonly data: unknown;
  readonly id: string;
  readonly key?: string | undefined;
}

/** The user who publishes. The name is `undefined` until a token or the server names the user. */
export interface Author {
  name: string | undefined;
}

interface Publish {
  readonly author: Author;
  readonly text: string;
  readonly giveUpAt: number;
  sent: boolean;
  resolve(seq: number): void;
  reject(error: RoomcastError): void;
}

/** Limits for the publishes of a room that wait for their ack. */
export interface OutboxLimits {
  /**
   * Maximum number of waiting publishes, 1,000 by default. A further publish rejects with
   * `queue_full`.
   */
  readonly maxQueued: number;
  /**
   * Time limit of a publish in ms, 60,000 by default. When the time is up, the publish rejects with
   * `timeout`.
   */
  readonly timeoutMs: number;
}

/**
 * The publishes of a room that have no ack yet, in order. Reads no clock and sends nothing itself.
 */
export class Outbox implements Sender {
  readonly #room: string;
  readonly #limits: OutboxLimits;
  readonly #publishes = new Map<string, Publish>();
  #refs = 0;

  constructor(room: string, limits: OutboxLimits) {
    this.#room = room;
    this.#limits = limits;
  }

  async add(draft: Draft, author: Author, now: number): Promise<number> {
    const { maxQueued, timeoutMs } = this.#limits;
    if (this.#publishes.size >= maxQueued) {
      throw new RoomcastError("queue_full", `${maxQueued} publishes are waiting already.`);
    }
    const ref = String(++this.#refs);
    const text = JSON.stringify({ type: "publish", room: this.#room, ref, ...draft });
    // The room would close the socket with 1009 after a larger frame. The publish would be retried
    // after each reconnect, so the room would also close every later socket.
    checkBytes(text, MAX_FRAME_BYTES);
    const giveUpAt = now + timeoutMs;
    return new Promise((resolve, reject) =>
      this.#publishes.set(ref, { author, text, giveUpAt, sent: false, resolve, reject }),
    );
  }

  *drain(): Generator<string> {
    for (const publish of this.#publishes.values()) {
      if (publish.sent) continue;
      yield publish.text;
      publish.sent = true;
    }
  }

  get dueAt(): number {
    return [...this.#publishes.values()].every(({ sent }) => sent) ? Infinity : 0;
  }

  /** Deadline of the oldest publish. */
  get giveUpAt(): number {
    const [oldest] = this.#publishes.values();
    return oldest?.giveUpAt ?? Infinity;
  }

  onAck(ref: string, seq: number): void {
    this.#remove(ref)?.resolve(seq);
  }

  /**
   * Handles a refusal. After a temporary error (`isPassing`), the publish is sent again. After any
   * other error, the publish is rejected.
   */
  onRefusal(ref: string, error: RoomcastError, isPassing: boolean): void {
    if (!isPassing) return this.#remove(ref)?.reject(error);
    const publish = this.#publishes.get(ref);
    if (publish) publish.sent = false;
  }

  /**
   * Marks every publish as unsent, so that each is sent again. A publish that was already sent may
   * be stored or not. Because of its id, it is stored only once.
   */
  onDisconnect(): void {
    for (const publish of this.#publishes.values()) publish.sent = false;
  }

  /**
   * Rejects the publishes of other users, which must not be sent as publishes of this user.
   * Publishes without a known author are assigned to this user.
   */
  rejectOthers(user: string): void {
    for (const [ref, { author }] of this.#publishes) {
      author.name ??= user;
      if (author.name === user) continue;
      const message = "Another user signed in. The publish may be stored or not.";
      this.#remove(ref)?.reject(new RoomcastError("user_changed", message));
    }
  }

  expire(now: number): void {
    const message = `No ack in ${this.#limits.timeoutMs} ms: publish again with the same id.`;
    this.#giveUp(now, "timeout", message);
  }

  end(code: Code): void {
    this.#giveUp(Infinity, code, `The room ended: ${code}.`);
  }

  /**
   * Rejects all publishes whose deadline is at or before `by`. The oldest publishes come first in
   * the map.
   */
  #giveUp(by: number, code: Code, message: string): void {
    for (const [ref, { giveUpAt }] of this.#publishes) {
      if (giveUpAt > by) return;
      this.#remove(ref)?.reject(new RoomcastError(code, message));
    }
  }

  #remove(ref: string): Publish | undefined {
    const publish = this.#publishes.get(ref);
    this.#publishes.delete(ref);
    return publish;
  }
}
