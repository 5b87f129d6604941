import { Timer } from "../timer.ts";
import { now } from "../clock.ts";
import { RoomcastError } from "../codes.ts";
import type { Page } from "../http.ts";
import { formatPosition, parsePosition, type LogPosition } from "../room/position.ts";
import type { Position, Snapshot } from "../protocol.ts";
import { frameOf } from "./frames.ts";
import { closeCodeOf, LOST } from "./http.ts";
import { welcome, type Reader, type ReaderContext } from "./reader.ts";

/** Time for which the server may delay an answer while there is no new event. */
const WAIT_SECONDS = 25;
const READ_TIMEOUT_MS = (WAIT_SECONDS + 15) * 1_000;
const PAGE_EVENTS = 1_000;

/**
 * Reads a room by long polling. There is no session in the room, so the client can't enter the
 * room, and receives no signals.
 */
export class LongPoll implements Reader {
  readonly #context: ReaderContext;
  readonly #request = new AbortController();
  readonly #readTimeout = new Timer(() => this.#end(LOST, "Timed out."));
  #isWelcome = false;

  constructor(context: ReaderContext, since: Position | undefined) {
    this.#context = context;
    void this.#read(since);
  }

  stop(): void {
    this.#readTimeout.set(Infinity);
    this.#request.abort();
  }

  #end(closeCode: number, reason: string): void {
    this.stop();
    this.#context.sink.onClose(closeCode, reason);
  }

  async #read(since: Position | undefined): Promise<void> {
    const { signal } = this.#request;
    const { readAhead } = this.#context;
    try {
      let position = since ?? (await this.#start());
      let isAtHead = this.#isWelcome;
      while (!signal.aborted) {
        const page = await this.#page(position, isAtHead);
        if (signal.aborted) return;
        position = page ? this.#deliver(page) : await this.#start(position);
        isAtHead = !page || parsePosition(position)!.seq >= page.head;
        if (!readAhead.isFull) continue;
        this.#readTimeout.set(Infinity);
        await readAhead.waitForSpace();
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof RoomcastError)) throw error;
      this.#end(closeCodeOf(error.code), error.message);
    }
  }

  #get<Answer>(leaf?: string, query?: Record<string, string>): Promise<Answer> {
    const { http, room } = this.#context;
    this.#readTimeout.set(now() + READ_TIMEOUT_MS);
    return http.get(http.urlOf(room, leaf, query), this.#request.signal);
  }

  /** Requests a page. Returns `undefined` if the position is lost. */
  async #page(since: Position, isAtHead: boolean): Promise<Page | undefined> {
    // The first request does not wait for an event, because a waiting request would look like an
    // unanswered request.
    const wait = isAtHead ? { wait: `${WAIT_SECONDS}` } : undefined;
    try {
      return await this.#get("events", { since, limit: `${PAGE_EVENTS}`, ...wait });
    } catch (error) {
      if (error instanceof RoomcastError && error.code === "position_lost") return undefined;
      throw error;
    }
  }

  #welcome(position: LogPosition, recovered: boolean | undefined): void {
    if (this.#isWelcome) return;
    this.#isWelcome = true;
    welcome(this.#context, position, recovered);
  }

  #deliver({ epoch, prev, events, head }: Page): Position {
    const { room, sink, readAhead } = this.#context;
    this.#welcome({ epoch, seq: head }, true);
    const seq = events.at(-1)?.seq ?? prev;
    if (events.length > 0) {
      const frame = frameOf("events", { room, epoch, prev, events });
      readAhead.add(seq, frame.length);
      sink.onFrame(frame);
    }
    return formatPosition({ epoch, seq });
  }

  /**
   * Starts from the room's state. If the client can't resume from the position `lost`, emits a gap
   * before the state.
   */
  async #start(lost?: Position): Promise<Position> {
    const { room, sink } = this.#context;
    const [{ epoch, seq, events }, stats] = await Promise.all([
      this.#get<Snapshot>("state"),
      lost && this.#get<{ oldest: number }>(),
    ]);
    this.#welcome({ epoch, seq }, stats ? false : undefined);
    if (stats) sink.onFrame(frameOf("gap", { room, epoch, oldest: stats.oldest, seq }));
    if (events.length > 0) sink.onFrame(frameOf("state", { room, epoch, seq, events }));
    return formatPosition({ epoch, seq });
  }
}
