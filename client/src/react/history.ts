import type { RoomcastError } from "../codes.ts";
import type { EventOf } from "../room/handlers.ts";
import type { Room } from "../room/room.ts";
import type { Position } from "../protocol.ts";
import { EventsStore, type NewestEvents } from "./events.ts";
import type { Store } from "./stores.ts";

/** The events of a room from a point in its history up to the newest event. */
export interface History<Event> extends NewestEvents<Event> {
  /**
   * `true` while the newest events are awaited or read, and while older events are read. `false`
   * while retries pause, and if the room has ended.
   */
  readonly isLoading: boolean;
  /**
   * Whether older events may exist. `false` until the newest events are read. If the older events
   * are no longer retained, `hasOlder` becomes `false` after the next `loadOlder`.
   */
  readonly hasOlder: boolean;
  /**
   * Reads the events before the first event, and puts them in front. Does nothing if a call is
   * loading, or if `hasOlder` is `false`. If the request fails, the list does not change, and the
   * next call tries again. The function is the same at each render.
   */
  readonly loadOlder: () => void;
}

/** A request for the events before a position, and the outcome of the request. */
interface Load {
  readonly start: Position;
  readonly isLoading?: boolean;
  /** `true` if no older events can be read. */
  readonly isAtEnd?: boolean;
  readonly error?: RoomcastError;
}

/** Shows the newest events of a room, and the older events that were loaded. */
export class HistoryStore<EventMap extends object> implements Store<History<EventOf<EventMap>>> {
  readonly #room: Room<EventMap>;
  readonly #page: number;
  readonly #events: EventsStore<EventMap>;
  readonly #initial: History<EventOf<EventMap>>;
  #history: History<EventOf<EventMap>>;
  #changed = (): void => {};
  /** The last load. Has no effect once the list has another start. */
  #load: Load | undefined;

  constructor(room: Room<EventMap>, page: number, initial: readonly EventOf<EventMap>[]) {
    this.#room = room;
    this.#page = page;
    this.#events = new EventsStore(room, page, initial, Infinity);
    this.#initial = this.#history = this.#current();
  }

  readonly getSnapshot = (): History<EventOf<EventMap>> => this.#history;
  readonly getServerSnapshot = (): History<EventOf<EventMap>> => this.#initial;

  readonly subscribe = (changed: () => void): (() => void) => {
    this.#changed = changed;
    return this.#events.subscribe(() => this.#show());
  };

  readonly #loadOlder = (): void => {
    const { start } = this.#events;
    const isBusy = this.#load?.start === start && this.#load?.isLoading;
    if (start && this.#history.hasOlder && !isBusy) void this.#read(start);
  };

  async #read(start: Position): Promise<void> {
    const load: Load = (this.#load = { start, isLoading: true });
    this.#show();
    let outcome: Load;
    try {
      const { events } = await this.#room.history({ before: start, limit: this.#page });
      outcome = { start, isAtEnd: events.length === 0 };
      if (this.#load === load) this.#events.prepend(start, events);
    } catch (reason) {
      const error = reason as RoomcastError;
      outcome = { start, isAtEnd: error.code === "position_lost", error };
      this.#room.report(error);
    }
    if (this.#load !== load) return;
    this.#load = outcome;
    this.#show();
  }

  #current(): History<EventOf<EventMap>> {
    const { events, isLoading, error } = this.#events.getSnapshot();
    const { start } = this.#events;
    const load = this.#load?.start === start ? this.#load : undefined;
    return {
      events,
      isLoading: isLoading || load?.isLoading === true,
      error: error ?? load?.error,
      hasOlder: start !== undefined && !load?.isAtEnd,
      loadOlder: this.#loadOlder,
    };
  }

  #show(): void {
    this.#history = this.#current();
    this.#changed();
  }
}
