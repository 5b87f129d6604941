import { RoomcastError } from "../codes.ts";
import type { PublishAnswer, SignalRequest } from "../protocol.ts";
import { transientCodes } from "../retry.ts";
import { errorFrame, frameOf, type FrameSink, type RoomFrame } from "./frames.ts";
import { closeCodeOf, UNAUTHORIZED, type Http } from "./http.ts";

/**
 * Limit of a batch in UTF-16 code units. A code unit takes at most 3 bytes of the request's body,
 * and the body may have at most 1 MiB.
 */
const BATCH_CHARACTERS = 256 * 1024;
const BATCH_EVENTS = 1_000;

interface Publish {
  readonly ref: string;
  readonly event: string;
}

/** Sends requests to a room by POST: all publishes in order, and the newest signal of each name. */
export class Publisher {
  readonly #http: Http;
  readonly #room: string;
  readonly #sink: FrameSink;
  /** The unanswered publishes, starting with the publishes of the current request. */
  #publishes: Publish[] = [];
  #publishing = false;
  /**
   * Number of publishes that must be sent one by one, because the batch that contained them was
   * refused. A refused batch appends no event.
   */
  #oneByOne = 0;
  readonly #signals = new Map<string, string>();
  #signalling = false;

  constructor(http: Http, room: string, sink: FrameSink) {
    this.#http = http;
    this.#room = room;
    this.#sink = sink;
  }

  publish({ ref, name, data, id, key }: RoomFrame & { type: "publish" }): void {
    this.#publishes.push({ ref, event: JSON.stringify({ name, data, id, key }) });
    if (!this.#publishing) void this.#publishAll();
  }

  stop(): void {
    this.#publishes = [];
    this.#signals.clear();
  }

  /**
   * Sends all publishes. Publishes that are added during a request are sent together in the next
   * request.
   */
  async #publishAll(): Promise<void> {
    this.#publishing = true;
    const url = this.#http.urlOf(this.#room, "events");
    while (this.#publishes.length > 0) {
      const batch = this.#batch();
      const events = batch.map(({ event }) => event).join();
      try {
        const body = `{"events":[${events}]}`;
        const { seqs } = await this.#http.post<PublishAnswer>(url, body);
        this.#dequeue(batch.length).forEach(({ ref }, n) =>
          this.#sink.onFrame(frameOf("ack", { room: this.#room, ref, seq: seqs[n] })),
        );
      } catch (error) {
        this.#refuse(batch, error as RoomcastError);
      }
    }
    this.#publishing = false;
  }

  #batch(): Publish[] {
    const batch: Publish[] = [];
    let characters = 0;
    for (const publish of this.#publishes) {
      characters += publish.event.length;
      const isFull = this.#oneByOne > 0 || characters > BATCH_CHARACTERS;
      if (batch.length > 0 && (isFull || batch.length === BATCH_EVENTS)) break;
      batch.push(publish);
    }
    return batch;
  }

  #dequeue(count: number): Publish[] {
    this.#oneByOne = Math.max(0, this.#oneByOne - count);
    return this.#publishes.splice(0, count);
  }

  #refuse(batch: Publish[], error: RoomcastError): void {
    const isTransient = transientCodes.has(error.code);
    if (!isTransient && batch.length > 1) {
      this.#oneByOne = batch.length;
      return;
    }
    // After a temporary error, the later publishes are refused as well. Otherwise, they would be
    // stored before the publishes that are retried.
    for (const { ref } of this.#dequeue(isTransient ? this.#publishes.length : 1))
      this.#emitError(error, ref);
  }

  signal({ name, data }: SignalRequest): void {
    this.#signals.set(name, JSON.stringify({ name, data }));
    if (!this.#signalling) void this.#signalAll();
  }

  async #signalAll(): Promise<void> {
    this.#signalling = true;
    const url = this.#http.urlOf(this.#room, "signals");
    for (const [name, body] of this.#signals) {
      this.#signals.delete(name);
      try {
        await this.#http.post(url, body, () => {});
      } catch (error) {
        // A lost signal is not sent again, because it would be useless later.
        if ((error as RoomcastError).code !== "offline") this.#emitError(error as RoomcastError);
      }
    }
    this.#signalling = false;
  }

  #emitError(error: RoomcastError, ref?: string): void {
    const closeCode = closeCodeOf(error.code);
    if (closeCode !== UNAUTHORIZED) {
      this.#sink.onFrame(errorFrame(this.#room, error, ref));
    } else if (this.#http.token === undefined) {
      // The room may be public. A session without a token can read it, but not publish.
      const forbidden = new RoomcastError("forbidden", error.message);
      this.#sink.onFrame(errorFrame(this.#room, forbidden, ref));
    } else {
      // The server closes a socket whose token is rejected, so this room receives the same close
      // code.
      this.#sink.onClose(closeCode, error.message);
    }
  }
}
