import { RoomcastError, type Code } from "./codes.ts";
import { MAX_FRAME_BYTES } from "./protocol.ts";

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

/**
 * Below the room's limit of 50 frames a second in bursts of 100: of publishes sent faster it would
 * refuse some and take later ones, out of their order.
 */
const RATE_PER_MS = 0.045;
const BURST = 90;
const RETRY_MS = 1_000;

/** The publishes of a room that have no ack yet, in order. It reads no clock and sends nothing itself. */
export class Outbox {
  readonly #limits: OutboxLimits;
  readonly #publishes = new Map<string, Publish>();
  #refs = 0;
  /** How many may be sent at `#countedAt`; below zero where the room asked to be left alone. */
  #allowance = BURST;
  #countedAt = 0;
  /** When some may be sent again that may not yet. */
  #resumeAt = Infinity;

  constructor(limits: OutboxLimits) {
    this.#limits = limits;
  }

  async add(draft: Draft, now: number): Promise<number> {
    const { maxQueued, timeoutMs } = this.#limits;
    if (this.#publishes.size >= maxQueued) {
      throw new RoomcastError("queue_full", `${maxQueued} publishes are waiting already.`);
    }
    const ref = String(++this.#refs);
    const text = JSON.stringify({ type: "publish", ref, ...draft });
    // The room would close the socket, and a publish that is sent again would close the next one.
    if (new TextEncoder().encode(text).length > MAX_FRAME_BYTES) {
      throw new RoomcastError("too_large", `More than ${MAX_FRAME_BYTES} bytes.`);
    }
    const giveUpAt = now + timeoutMs;
    return new Promise((resolve, reject) =>
      this.#publishes.set(ref, { ref, text, giveUpAt, sent: false, resolve, reject }),
    );
  }

  /** The frames that may be sent now. */
  *take(now: number): Generator<string> {
    const refill = (now - this.#countedAt) * RATE_PER_MS;
    this.#allowance = Math.min(BURST, this.#allowance + refill);
    this.#countedAt = now;
    this.#resumeAt = Infinity;
    for (const publish of this.#publishes.values()) {
      if (publish.sent) continue;
      if (this.#allowance < 1) {
        this.#resumeAt = now + Math.ceil((1 - this.#allowance) / RATE_PER_MS);
        return;
      }
      this.#allowance--;
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
    this.#countedAt = now;
    this.#allowance = 1 - (error.retryAfterMs ?? RETRY_MS) * RATE_PER_MS;
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
