import { Timer } from "../timer.ts";
import { now } from "../clock.ts";
import { RoomcastError, type Code } from "../codes.ts";
import { formatPosition, parsePosition } from "../room/position.ts";
import type { Position } from "../protocol.ts";
import { SseParser, type SseEvent } from "./sse-parser.ts";
import { errorFrame } from "./frames.ts";
import { closeCodeOf, LOST, UNAUTHORIZED } from "./http.ts";
import { welcome, type Reader, type ReaderContext } from "./reader.ts";

/**
 * Time limit for the first event. It detects a proxy that buffers the response, because such a
 * proxy forwards no event.
 */
const FIRST_EVENT_TIMEOUT_MS = 5_000;
/** Time without data after which a stream counts as dead. The server sends a comment every 25 s. */
const READ_TIMEOUT_MS = 30_000;
/**
 * Shortest time between two changes of the presence data. After each change, the old session
 * remains until the server writes to it and detects the closed stream.
 */
const CHANGE_INTERVAL_MS = 5_000;

/** Reads a room as Server-Sent Events. */
export class EventStream implements Reader {
  readonly #context: ReaderContext;
  readonly #readTimeout = new Timer(() => this.#end(LOST, "Timed out."));
  readonly #change = new Timer(() => this.#changePresence());
  #position: Position | undefined;
  /**
   * The room's head at the start of a resume. All events after the position, up to this head, were
   * missed.
   */
  #head: number | undefined;
  #isWelcome = false;
  /** The first frames of the stream, collected until all of them are received. */
  #startFrames: string[] = [];
  /** The request whose answer is being read, and the request that will replace it. */
  #reading: AbortController | undefined;
  #opening: AbortController | undefined;
  /** The token and the presence data of the request whose answer is being read. */
  #token: string | undefined;
  #entered: string | undefined;
  /** The presence data to enter with, as JSON. `undefined` before `enter` and after `leave`. */
  #wanted: string | undefined;
  #changeAllowedAt = 0;

  constructor(context: ReaderContext, since: Position | undefined) {
    this.#context = context;
    this.#position = since;
    this.#start();
  }

  enter(data: unknown = null): void {
    this.#setWanted(JSON.stringify(data));
  }

  leave(): void {
    this.#setWanted(undefined);
  }

  stop(): void {
    this.#readTimeout.set(Infinity);
    this.#change.set(Infinity);
    this.#reading?.abort();
    this.#opening?.abort();
  }

  #end(closeCode: number, reason: string): void {
    this.stop();
    this.#context.sink.onClose(closeCode, reason);
  }

  #setWanted(data: string | undefined): void {
    this.#wanted = data;
    this.#change.set(Math.max(now(), this.#changeAllowedAt));
  }

  #changePresence(): void {
    if (this.#wanted === this.#entered) return;
    this.#changeAllowedAt = now() + CHANGE_INTERVAL_MS;
    // While the read-ahead is full, only this timeout detects a missing answer.
    this.#readTimeout.set(now() + READ_TIMEOUT_MS);
    void this.#open();
  }

  #start(): void {
    this.#readTimeout.set(now() + FIRST_EVENT_TIMEOUT_MS);
    void this.#open();
  }

  /**
   * Opens a stream. The old stream is read until the new stream is answered, so that a member does
   * not leave the room meanwhile.
   */
  async #open(): Promise<void> {
    const { http, room, sink } = this.#context;
    const { token } = http;
    const entered = this.#wanted;
    const request = new AbortController();
    this.#opening?.abort();
    this.#opening = request;
    try {
      const body = await this.#request(entered, request.signal);
      if (request.signal.aborted) return;
      this.#reading?.abort();
      this.#reading = request;
      this.#opening = undefined;
      this.#token = token;
      this.#entered = entered;
      // The wanted data may have changed during the request.
      this.#setWanted(this.#wanted);
      await this.#read(body.getReader(), request.signal);
    } catch (error) {
      if (request.signal.aborted) return;
      if (!(error instanceof RoomcastError)) throw error;
      const isRead = this.#reading !== undefined && this.#reading !== request;
      if (!isRead || !enterRefusalCodes.has(error.code)) {
        return this.#end(closeCodeOf(error.code), error.message);
      }
      this.#wanted = this.#entered;
      sink.onFrame(errorFrame(room, error));
    }
  }

  async #request(
    enter: string | undefined,
    signal: AbortSignal,
  ): Promise<ReadableStream<Uint8Array>> {
    const { http, room } = this.#context;
    const since = this.#position;
    const url = http.urlOf(room, "events", { since, enter });
    const answer = http.stream(url, signal);
    if (!this.#isWelcome && since !== undefined) {
      const stats = http.get<{ head: number }>(http.urlOf(room), signal);
      [, { head: this.#head }] = await Promise.all([answer, stats]);
    }
    return (await answer) ?? broken();
  }

  async #read(reader: ReadableStreamDefaultReader<Uint8Array>, signal: AbortSignal): Promise<void> {
    const { readAhead } = this.#context;
    const parser = new SseParser();
    while (!signal.aborted) {
      const { value } = await reader.read().catch(broken);
      if (value === undefined) broken();
      this.#onEvents(parser.parse(value));
      if (readAhead.isFull) {
        this.#readTimeout.set(Infinity);
        await readAhead.waitForSpace();
      }
      if (!signal.aborted) this.#readTimeout.set(now() + READ_TIMEOUT_MS);
    }
  }

  /** Emits one frame with all events that were received together. */
  #onEvents(received: Iterable<SseEvent>): void {
    let events: SseEvent[] = [];
    for (const event of received) {
      if (event.event === undefined && event.data !== undefined) {
        events.push(event);
        continue;
      }
      this.#emitEvents(events);
      events = [];
      this.#onControlEvent(event);
    }
    this.#emitEvents(events);
  }

  /**
   * Emits an `events` frame. A stream that has replaced another stream starts with events that the
   * old stream has already emitted. These events are skipped.
   */
  #emitEvents(received: readonly SseEvent[]): void {
    const last = parsePosition(received.at(-1)?.id);
    if (last === undefined) return;
    const { room, sink, readAhead } = this.#context;
    const begin = last.seq - received.length;
    const prev = Math.max(begin, parsePosition(this.#position)!.seq);
    const events = received.slice(prev - begin).map(({ data }) => data);
    if (events.length === 0) return;
    const all = events.join();
    this.#position = formatPosition(last);
    readAhead.add(last.seq, all.length);
    // The events are copied as JSON text, because only the receiver of the frame parses them.
    const head = JSON.stringify({ type: "events", room, epoch: last.epoch, prev }).slice(0, -1);
    sink.onFrame(`${head},"events":[${all}]}`);
  }

  #onControlEvent({ event, id, data }: SseEvent): void {
    if (event === "closed") return this.#close(JSON.parse(data!) as Closed);
    if (data !== undefined) this.#startFrames.push(data);
    if (!this.#isWelcome) {
      // Among the events at the start of a stream, only the last event has an id.
      if (id === undefined) return;
      this.#welcome(id, data === undefined);
    }
    // The id of an event without data only repeats the requested position.
    if (data !== undefined || this.#position === undefined) this.#position = id ?? this.#position;
    for (const frame of this.#startFrames.splice(0)) this.#context.sink.onFrame(frame);
  }

  #welcome(start: Position, isEmptyStart: boolean): void {
    const { epoch, seq } = parsePosition(start)!;
    const recovered = this.#position === undefined ? undefined : isEmptyStart;
    this.#isWelcome = true;
    welcome(this.#context, { epoch, seq: recovered ? this.#head! : seq }, recovered);
  }

  /**
   * Handles the end of the stream. If only the token of the stream has expired, opens a stream with
   * a newer token.
   */
  #close({ code, reason }: Closed): void {
    if (code !== UNAUTHORIZED || this.#token === this.#context.http.token) {
      return this.#end(code, reason);
    }
    this.#reading?.abort();
    this.#reading = undefined;
    this.#start();
  }
}

interface Closed {
  readonly code: number;
  readonly reason: string;
}

/**
 * Error codes with which the server refuses an `enter`. After these refusals, the old stream
 * continues.
 */
const enterRefusalCodes: ReadonlySet<Code> = new Set([
  "bad_request",
  "forbidden",
  "too_large",
  "room_full",
]);

function broken(): never {
  throw new RoomcastError("offline", "The stream ended early.");
}
