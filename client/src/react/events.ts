import { Timer } from "../timer.ts";
import { now } from "../clock.ts";
import type { RoomcastError } from "../codes.ts";
import type { EventOf } from "../room/handlers.ts";
import { formatPosition } from "../room/position.ts";
import type { Position, RoomEvent } from "../protocol.ts";
import type { Page } from "../http.ts";
import { retry } from "../retry.ts";
import type { Room } from "../room/room.ts";
import type { Store } from "./stores.ts";

/** The newest events of a room, and the progress of reading them. */
export interface NewestEvents<Event> {
  /** Events, oldest first. */
  readonly events: readonly Event[];
  /**
   * `true` while the events are awaited or read: `events` may be incomplete or outdated. `false`
   * once they are read, while retries pause, and if the room has ended.
   */
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

/** Consecutive events. The epoch is `undefined` for events that the server has rendered. */
interface Stored<Event> {
  readonly events: readonly Event[];
  readonly epoch?: string | undefined;
}

/**
 * Returns the events of the page, and the earlier stored events if the page continues them.
 * Otherwise, events between the two are unknown, so the stored events are dropped.
 */
function continueWith<Event extends RoomEvent>(stored: Stored<Event>, page: Page<Event>) {
  const { events, epoch } = stored;
  const first = events[0]?.seq ?? Infinity;
  const continues = epoch === page.epoch && first <= page.prev && page.prev <= events.at(-1)!.seq;
  if (!continues) return page;
  return { epoch, events: [...events.slice(0, page.prev + 1 - first), ...page.events] };
}

/**
 * Reads the newest events of a room over HTTP and adds live events. Serves one subscriber at a
 * time.
 */
export class EventsStore<EventMap extends object> implements Store<
  NewestEvents<EventOf<EventMap>>
> {
  readonly #room: Room<EventMap>;
  readonly #initial: NewestEvents<EventOf<EventMap>>;
  readonly #timer = new Timer(() => this.#restart());
  #last: number;
  /** Maximum number of shown events. */
  #most: number;
  #shown: NewestEvents<EventOf<EventMap>>;
  #changed = (): void => {};
  #isWatched = false;
  /**
   * The events that were read over HTTP. `undefined` from a gap until the events are read again.
   */
  #stored: Stored<EventOf<EventMap>> | undefined;
  /**
   * The events that were received live since the last gap, or since the subscription if there was
   * no gap.
   */
  #live: readonly EventOf<EventMap>[] = [];
  /** Aborts the last read when a newer read starts. */
  #abort = new AbortController();
  #state: "wanted" | "reading" | "read" | "failed" = "wanted";

  /** Reads the newest `last` events. Shows at most the newest `most` events. */
  constructor(
    room: Room<EventMap>,
    last: number,
    initial: readonly EventOf<EventMap>[],
    most = last,
  ) {
    this.#room = room;
    this.#last = last;
    this.#most = most;
    this.#initial = { events: newest(initial, most), isLoading: last > 0, error: undefined };
    this.#stored = this.#shown = this.#initial;
  }

  /**
   * The position before the oldest event. `undefined` until the events are read, and if the oldest
   * event is the room's first event.
   */
  get start(): Position | undefined {
    const { epoch, events: [first] = [] } = this.#stored ?? {};
    return epoch && first && first.seq > 1
      ? formatPosition({ epoch, seq: first.seq - 1 })
      : undefined;
  }

  /** Adds the events that precede `start`. Ignores them if the list has started again. */
  prepend(start: Position, older: readonly EventOf<EventMap>[]): void {
    if (start !== this.start) return;
    const { epoch, events } = this.#stored!;
    this.#stored = { epoch, events: [...older, ...events] };
    this.#show();
  }

  readonly getSnapshot = (): NewestEvents<EventOf<EventMap>> => this.#shown;
  readonly getServerSnapshot = (): NewestEvents<EventOf<EventMap>> => this.#initial;

  /**
   * Sets the number of shown events. If the number is higher than before, reads the events again.
   */
  resize(last: number): void {
    const isMore = last > this.#last;
    this.#last = this.#most = last;
    if (isMore && this.#isWatched) this.#restart();
  }

  readonly subscribe = (changed: () => void): (() => void) => {
    const room = this.#room;
    this.#changed = changed;
    this.#isWatched = true;
    if (this.#state === "read") {
      this.#stored = { epoch: this.#stored?.epoch, events: this.#shown.events };
    }
    this.#live = [];
    const stops = [
      room.listen({
        events: (events) => {
          this.#live = newest([...this.#live, ...events], this.#most);
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
      const page = await retry(() => this.#readOnce(signal), RETRY_FOR_MS, signal);
      if (signal.aborted) return;
      this.#stored = continueWith(this.#stored ?? page, page);
      this.#state = "read";
      this.#show({ isLoading: false, error: undefined });
    } catch (error) {
      if (signal.aborted) return;
      this.#room.report(error as RoomcastError);
      // If the connection was lost as well, the events are read again after the next connect.
      if (this.#state !== "reading") return;
      this.#state = "failed";
      this.#stored ??= { events: [] };
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

  #show(change: Partial<NewestEvents<EventOf<EventMap>>> = {}): void {
    if (!this.#stored) return this.#set(change);
    const { events } = this.#stored;
    const end = events.at(-1)?.seq ?? 0;
    const newer = this.#live.filter((event) => event.seq > end);
    this.#set({ ...change, events: newest([...events, ...newer], this.#most) });
  }

  #set(change: Partial<NewestEvents<EventOf<EventMap>>>): void {
    const shown = { ...this.#shown, ...change };
    const { events, isLoading, error } = this.#shown;
    const isSame =
      shown.events === events && shown.isLoading === isLoading && shown.error === error;
    if (isSame) return;
    this.#shown = shown;
    this.#changed();
  }
}
