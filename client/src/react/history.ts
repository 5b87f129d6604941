import { Timer } from "../timer.ts";
import { now } from "../clock.ts";
import type { RoomcastError } from "../codes.ts";
import type { EventOf } from "../room/handlers.ts";
import { retry } from "../retry.ts";
import type { Room } from "../room/room.ts";
import type { Store } from "./stores.ts";

/** The newest events of a room, and the progress of reading them. */
export interface History<Event> {
  /** Events, oldest first. */
  readonly events: readonly Event[];
  /** `true` while the events are awaited or read. `false` once they are read, while retries pause, and
   * if the room has ended. Until then, `events` may be incomplete or outdated. */
  readonly isLoading: boolean;
  /**
   * Error of the last request, or `undefined` if the request succeeded. While `isLoading` is
   * `true`, the request is retried.
   */
  readonly error: RoomcastError | undefined;
}

/**
 * Time for which a failed request is retried, and length of the pause before the retries start
 * again. A reconnect ends the pause immediately.
 */
const RETRY_FOR_MS = 60_000;
const RETRY_PAUSE_MS = 60_000;

/** Returns the last events of a list, or the list itself if it has at most `last` events. */
export const newest = <Event>(events: readonly Event[], last: number): readonly Event[] =>
  events.length > last ? events.slice(events.length - last) : events;

/**
 * Reads the newest events of a room over HTTP and adds live events. Serves one subscriber at a
 * time.
 */
export class EventsStore<EventMap extends object> implements Store<History<EventOf<EventMap>>> {
  readonly #room: Room<EventMap>;
  readonly #initial: History<EventOf<EventMap>>;
  readonly #timer = new Timer(() => this.#restart());
  #last: number;
  #history: History<EventOf<EventMap>>;
  #changed = (): void => {};
  #isWatched = false;
  /**
   * The events that were read over HTTP. `undefined` from a gap until the events are read again.
   */
  #stored: readonly EventOf<EventMap>[] | undefined;
  /**
   * The events that were received live since the last gap, or since the subscription if there was
   * no gap.
   */
  #live: readonly EventOf<EventMap>[] = [];
  /** Aborts the last read when a newer read starts. */
  #abort = new AbortController();
  #state: "wanted" | "reading" | "read" | "failed" = "wanted";

  constructor(room: Room<EventMap>, last: number, initial: readonly EventOf<EventMap>[]) {
    this.#room = room;
    this.#last = last;
    this.#initial = { events: newest(initial, last), isLoading: last > 0, error: undefined };
    this.#history = this.#initial;
  }

  readonly getSnapshot = (): History<EventOf<EventMap>> => this.#history;
  readonly getServerSnapshot = (): History<EventOf<EventMap>> => this.#initial;

  /**
   * Sets the number of shown events. If the number is higher than before, reads the events again.
   */
  resize(last: number): void {
    const isMore = last > this.#last;
    this.#last = last;
    if (isMore && this.#isWatched) this.#restart();
  }

  readonly subscribe = (changed: () => void): (() => void) => {
    const room = this.#room;
    this.#changed = changed;
    this.#isWatched = true;
    this.#stored = this.#history.events;
    this.#live = [];
    const stops = [
      room.listen({
        events: (events) => {
          this.#live = newest([...this.#live, ...events], this.#last);
          this.#show();
        },
        // The old list is shown until the new list is read, so that nothing flickers.
        gap: () => {
          this.#stored = undefined;
          this.#live = [];
          this.#restart();
        },
      }),
      room.subscribe(() => this.#update()),
    ];
    this.#restart();
    return () => {
      this.#abort.abort();
      this.#isWatched = false;
      this.#timer.set(Infinity);
      for (const stop of stops) stop();
    };
  };

  #restart(): void {
    this.#state = "wanted";
    this.#update();
  }

  #update(): void {
    const { status } = this.#room;
    const isConnected = status === "connected";
    if (!isConnected && this.#state !== "read") this.#state = "wanted";
    if (isConnected && this.#state === "wanted") void this.#read();
    const hasEnded = status === "unauthorized" || status === "forbidden" || status === "closed";
    const isOpen = this.#state === "wanted" || this.#state === "reading";
    this.#set({ isLoading: isOpen && !hasEnded });
  }

  /**
   * Reads the events. The room must be connected. Otherwise, events that are published between the
   * read and the connect would be missing.
   */
  async #read(): Promise<void> {
    this.#abort.abort();
    const { signal } = (this.#abort = new AbortController());
    this.#state = this.#last > 0 ? "reading" : "read";
    this.#timer.set(Infinity);
    if (this.#last === 0) return this.#show({ error: undefined });
    try {
      const { events } = await retry(() => this.#readOnce(signal), RETRY_FOR_MS, signal);
      if (signal.aborted) return;
      this.#stored = events;
      this.#state = "read";
      this.#show({ isLoading: false, error: undefined });
    } catch (error) {
      if (signal.aborted) return;
      this.#room.report(error as RoomcastError);
      // If the connection was lost as well, the events are read again after the next connect.
      if (this.#state !== "reading") return;
      this.#state = "failed";
      this.#stored ??= [];
      this.#timer.set(now() + RETRY_PAUSE_MS);
      this.#show({ isLoading: false });
    }
  }

  async #readOnce(signal: AbortSignal) {
    try {
      return await this.#room.history({ last: this.#last });
    } catch (error) {
      if (!signal.aborted) this.#set({ error: error as RoomcastError });
      throw error;
    }
  }

  #show(change: Partial<History<EventOf<EventMap>>> = {}): void {
    const stored = this.#stored;
    if (!stored) return this.#set(change);
    const end = stored.at(-1)?.seq ?? 0;
    const newer = this.#live.filter((event) => event.seq > end);
    this.#set({ ...change, events: newest([...stored, ...newer], this.#last) });
  }

  #set(change: Partial<History<EventOf<EventMap>>>): void {
    const history = { ...this.#history, ...change };
    const { events, isLoading, error } = this.#history;
    const isSame =
      history.events === events && history.isLoading === isLoading && history.error === error;
    if (isSame) return;
    this.#history = history;
    this.#changed();
  }
}
