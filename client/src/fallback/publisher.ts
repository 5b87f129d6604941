import { RoomcastError } from "../codes.ts";
import { passing } from "../retry.ts";
import { errorFrame, frameOf, type FrameSink, type RoomFrame } from "./frames.ts";
import { closeCodeOf, UNAUTHORIZED, type Http } from "./http.ts";

/** Of UTF-16; each may take three bytes of a body, which may have 1 MiB. */
const BATCH_CHARACTERS = 256 * 1024;
const BATCH_EVENTS = 1_000;

interface Publish {
  readonly ref: string;
  readonly event: string;
}

/** What a room is sent by POST: publishes in their order, and of each signal the newest. */
export class Publisher {
  readonly #http: Http;
  readonly #room: string;
  readonly #sink: FrameSink;
  /** Those under way are the first of them, until they are answered. */
  #publishes: Publish[] = [];
  #publishing = false;
  /** How many go one by one: of a batch that is refused, nothing is appended. */
  #alone = 0;
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

  /** What comes while a request is under way goes together in the next. */
  async #publishAll(): Promise<void> {
    this.#publishing = true;
    const url = this.#http.urlOf(this.#room, "events");
    while (this.#publishes.length > 0) {
      const batch = this.#batch();
      const events = batch.map(({ event }) => event).join();
      try {
        const body = `{"events":[${events}]}`;
        const { seqs } = await this.#http.post<{ seqs: number[] }>(url, body);
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
      const isFull = this.#alone > 0 || characters > BATCH_CHARACTERS;
      if (batch.length > 0 && (isFull || batch.length === BATCH_EVENTS)) break;
      batch.push(publish);
    }
    return batch;
  }

  #dequeue(count: number): Publish[] {
    this.#alone = Math.max(0, this.#alone - count);
    return this.#publishes.splice(0, count);
  }

  #refuse(batch: Publish[], error: RoomcastError): void {
    const isPassing = passing.has(error.code);
    if (!isPassing && batch.length > 1) {
      this.#alone = batch.length;
      return;
    }
    // The later ones too, or they would be stored before those that are sent again.
    for (const { ref } of this.#dequeue(isPassing ? this.#publishes.length : 1))
      this.#emitError(error, ref);
  }

  signal({ name, data }: RoomFrame & { type: "signal" }): void {
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
        // One that is lost is none: it was worth something then.
        if ((error as RoomcastError).code !== "offline") this.#emitError(error as RoomcastError);
      }
    }
    this.#signalling = false;
  }

  #emitError(error: RoomcastError, ref?: string): void {
    const closeCode = closeCodeOf(error.code);
    // A socket would have been closed when its token's time was up.
    if (closeCode === UNAUTHORIZED) return this.#sink.onClose(closeCode, error.message);
    this.#sink.onFrame(errorFrame(this.#room, error, ref));
  }
}
