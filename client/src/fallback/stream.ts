import { Timer } from "../timer.ts";
import { now } from "../clock.ts";
import { RoomcastError, type Code } from "../codes.ts";
import { formatPosition, parsePosition } from "../position.ts";
import type { Position } from "../protocol.ts";
import { Blocks, type Block } from "./blocks.ts";
import { errorFrame } from "./frames.ts";
import { closeCodeOf, LOST, UNAUTHORIZED } from "./http.ts";
import { welcome, type Reader, type Source } from "./reader.ts";

/** How long the first block may take. A proxy that keeps back what it should pass on lets none through. */
const FIRST_MS = 5_000;
/** A comment comes every 25 s. */
const SILENCE_MS = 30_000;
/** Who enters anew leaves a session behind, until the server writes to it and finds nobody there. */
const ENTER_MS = 5_000;

/** Reads a room as Server-Sent Events. */
export class EventStream implements Reader {
  readonly #source: Source;
  readonly #silence = new Timer(() => this.#end(LOST, "Nothing was heard."));
  readonly #change = new Timer(() => this.#changePresence());
  #position: Position | undefined;
  /** The head when it began to read on from a position: all before it was missed. */
  #head: number | undefined;
  #isWelcome = false;
  /** What it begins with, until that is whole. */
  #beginning: string[] = [];
  /** The request whose answer is read, and the one that is to take its place. */
  #reading: AbortController | undefined;
  #opening: AbortController | undefined;
  /** With what that was asked which is read. */
  #token: string | undefined;
  #entered: string | undefined;
  /** With what data, as JSON, it is to be in the room. */
  #wanted: string | undefined;
  #mayChangeAt = 0;

  constructor(source: Source, since: Position | undefined) {
    this.#source = source;
    this.#position = since;
    this.#begin();
  }

  enter(data: unknown = null): void {
    this.#want(JSON.stringify(data));
  }

  leave(): void {
    this.#want(undefined);
  }

  stop(): void {
    this.#silence.set(Infinity);
    this.#change.set(Infinity);
    this.#reading?.abort();
    this.#opening?.abort();
  }

  #end(closeCode: number, reason: string): void {
    this.stop();
    this.#source.ear.end(closeCode, reason);
  }

  #want(data: string | undefined): void {
    this.#wanted = data;
    this.#change.set(Math.max(now(), this.#mayChangeAt));
  }

  #changePresence(): void {
    if (this.#wanted === this.#entered) return;
    this.#mayChangeAt = now() + ENTER_MS;
    // Where the reader is full, nothing else notices that no answer comes.
    this.#silence.set(now() + SILENCE_MS);
    void this.#open();
  }

  #begin(): void {
    this.#silence.set(now() + FIRST_MS);
    void this.#open();
  }

  /** What is read already is read until the new answer is there, so that nobody leaves in between. */
  async #open(): Promise<void> {
    const { http, room, ear } = this.#source;
    const { token } = http;
    const entered = this.#wanted;
    const request = new AbortController();
    this.#opening?.abort();
    this.#opening = request;
    try {
      const body = await this.#ask(entered, request.signal);
      if (request.signal.aborted) return;
      this.#reading?.abort();
      this.#reading = request;
      this.#opening = undefined;
      this.#token = token;
      this.#entered = entered;
      // Something else may be wanted by now.
      this.#want(this.#wanted);
      await this.#read(body.getReader(), request.signal);
    } catch (error) {
      if (request.signal.aborted) return;
      if (!(error instanceof RoomcastError)) throw error;
      const isRead = this.#reading !== undefined && this.#reading !== request;
      if (!isRead || !refusesEntering.has(error.code)) {
        return this.#end(closeCodeOf(error.code), error.message);
      }
      this.#wanted = this.#entered;
      ear.hear(errorFrame(room, error));
    }
  }

  async #ask(enter: string | undefined, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    const { http, room } = this.#source;
    const since = this.#position;
    const url = http.urlOf(room, "events", { since, enter });
    const answer = http.ask(url, "text/event-stream", { signal });
    if (!this.#isWelcome && since !== undefined) {
      const figures = http.get<{ head: number }>(http.urlOf(room), signal);
      [, { head: this.#head }] = await Promise.all([answer, figures]);
    }
    return (await answer).body ?? broken();
  }

  async #read(reader: ReadableStreamDefaultReader<Uint8Array>, signal: AbortSignal): Promise<void> {
    const { window } = this.#source;
    const blocks = new Blocks();
    while (!signal.aborted) {
      const { value } = await reader.read().catch(broken);
      if (value === undefined) broken();
      this.#hear(blocks.read(value));
      if (window.isFull) {
        this.#silence.set(Infinity);
        await window.opened();
      }
      if (!signal.aborted) this.#silence.set(now() + SILENCE_MS);
    }
  }

  /** Events that came together are handed on together. */
  #hear(blocks: Iterable<Block>): void {
    let events: Block[] = [];
    for (const block of blocks) {
      if (block.event === undefined && block.data !== undefined) {
        events.push(block);
        continue;
      }
      this.#handOn(events);
      events = [];
      this.#onEvent(block);
    }
    this.#handOn(events);
  }

  /** A stream that took the place of another begins with what that one has read meanwhile. */
  #handOn(blocks: readonly Block[]): void {
    const last = parsePosition(blocks.at(-1)?.id);
    if (last === undefined) return;
    const { room, ear, window } = this.#source;
    const begin = last.seq - blocks.length;
    const prev = Math.max(begin, parsePosition(this.#position)!.seq);
    const events = blocks.slice(prev - begin).map(({ data }) => data);
    if (events.length === 0) return;
    const all = events.join();
    this.#position = formatPosition(last);
    window.handed(last.seq, all.length);
    // As the room wrote them: nothing is parsed but by who applies them.
    const head = JSON.stringify({ type: "events", room, epoch: last.epoch, prev }).slice(0, -1);
    ear.hear(`${head},"events":[${all}]}`);
  }

  #onEvent({ event, id, data }: Block): void {
    if (event === "closed") return this.#close(JSON.parse(data!) as Closed);
    if (data !== undefined) this.#beginning.push(data);
    if (!this.#isWelcome) {
      // Only the last block of what it begins with has an id.
      if (id === undefined) return;
      this.#welcome(id, data === undefined);
    }
    // Without data it only says from where it was asked to go on.
    if (data !== undefined || this.#position === undefined) this.#position = id ?? this.#position;
    for (const frame of this.#beginning.splice(0)) this.#source.ear.hear(frame);
  }

  #welcome(start: Position, hasNothingElse: boolean): void {
    const { epoch, seq } = parsePosition(start)!;
    const recovered = this.#position === undefined ? undefined : hasNothingElse;
    this.#isWelcome = true;
    welcome(this.#source, { epoch, seq: recovered ? this.#head! : seq }, recovered);
  }

  /** At the end of its token's time it reads on with a newer one. */
  #close({ code, reason }: Closed): void {
    if (code !== UNAUTHORIZED || this.#token === this.#source.http.token) {
      return this.#end(code, reason);
    }
    this.#reading?.abort();
    this.#reading = undefined;
    this.#begin();
  }
}

interface Closed {
  readonly code: number;
  readonly reason: string;
}

/** With these the server may refuse to let somebody enter who reads on. */
const refusesEntering: ReadonlySet<Code> = new Set([
  "bad_request",
  "forbidden",
  "too_large",
  "room_full",
]);

function broken(): never {
  throw new RoomcastError("offline", "The stream broke off.");
}
