import type { EventsFrame, Position, RoomEvent } from "../protocol.ts";

/** A position in a room's log: every event up to `seq` was delivered, and later events were not. */
export interface LogPosition {
  readonly epoch: string;
  readonly seq: number;
}

export const formatPosition = ({ epoch, seq }: LogPosition): Position => `${epoch}:${seq}`;

/**
 * Parses a position. Returns `undefined` for any other text, because other code may have written to
 * the storage.
 */
export function parsePosition(text: string | null | undefined): LogPosition | undefined {
  // A number of 15 digits is below 2^53, and no room will have more events.
  const [, epoch, seq] = /^([A-Za-z0-9]{8}):(\d{1,15})$/.exec(text ?? "") ?? [];
  return epoch ? { epoch, seq: Number(seq) } : undefined;
}

/**
 * Returns the events of a frame that are new at this position, by the protocol's rule. Returns
 * `undefined` if an earlier frame is missing. That is so if the frame starts beyond the position,
 * or if it has another epoch.
 */
export function newEvents(
  position: LogPosition,
  frame: EventsFrame,
): readonly RoomEvent[] | undefined {
  if (frame.epoch !== position.epoch || frame.prev > position.seq) return undefined;
  return frame.events.filter((event) => event.seq > position.seq);
}

/** Storage for positions across page loads, such as `sessionStorage`. */
export interface PositionStore {
  getItem(name: string): string | null;
  setItem(name: string, value: string): void;
  /** Removes an item. Without this method, the client sets an empty text instead. */
  removeItem?(name: string): void;
}

const nameFor = (url: URL): string => `roomcast:${url}`;

/**
 * Drops all saved positions, including the positions that earlier pages have saved. The store must
 * have `removeItem`, and list its items as own properties, as `Storage` does.
 */
export function dropPositions(store: PositionStore | undefined, rooms: URL): void {
  for (const name of Object.keys(store ?? {})) {
    if (name.startsWith(nameFor(rooms))) store?.removeItem?.(name);
  }
}

/** A room's position in the client's store, if the client has a store. */
export class SavedPosition {
  readonly #store: PositionStore | undefined;
  readonly #name: string;

  constructor(store: PositionStore | undefined, room: URL) {
    this.#store = store;
    this.#name = nameFor(room);
  }

  load(): LogPosition | undefined {
    return parsePosition(this.#store?.getItem(this.#name));
  }

  /**
   * Drops the position. If the store has no `removeItem`, sets an empty text, which is not a
   * position.
   */
  drop(): void {
    if (this.#store?.removeItem) this.#store.removeItem(this.#name);
    else this.save("");
  }

  save(position: Position): void {
    try {
      this.#store?.setItem(this.#name, position);
    } catch {
      // The storage is full or forbidden. The page can't resume after a reload, but nothing else is
      // lost.
    }
  }
}
