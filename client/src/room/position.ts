import type { Events, Position, RoomEvent } from "../protocol.ts";

/** How far a room was followed: everything up to `seq` was delivered, nothing after it. */
export interface LogPosition {
  readonly epoch: string;
  readonly seq: number;
}

export const formatPosition = ({ epoch, seq }: LogPosition): Position => `${epoch}:${seq}`;

/** `undefined` for anything else: a position may come from storage that others write to. */
export function parsePosition(text: string | null | undefined): LogPosition | undefined {
  // 15 digits are below 2^53, and more events than any room will see.
  const [, epoch, seq] = /^([A-Za-z0-9]{8}):(\d{1,15})$/.exec(text ?? "") ?? [];
  return epoch ? { epoch, seq: Number(seq) } : undefined;
}

/**
 * The contract's rule for applying events: what of a frame is new at this place. `undefined` if the
 * frame starts beyond it, so that something in between never came.
 */
export function newEvents(position: LogPosition, frame: Events): readonly RoomEvent[] | undefined {
  if (frame.epoch !== position.epoch || frame.prev > position.seq) return undefined;
  return frame.events.filter((event) => event.seq > position.seq);
}

/** Where positions are kept across page loads; `sessionStorage` fits. */
export interface PositionStore {
  getItem(name: string): string | null;
  setItem(name: string, value: string): void;
  removeItem?(name: string): void;
}

const nameFor = (url: URL): string => `roomcast:${url}`;

/** Drops what an earlier page has saved, too, where the store lists what it has, as `Storage` does. */
export function dropPositions(store: PositionStore | undefined, rooms: URL): void {
  for (const name of Object.keys(store ?? {})) {
    if (name.startsWith(nameFor(rooms))) store?.removeItem?.(name);
  }
}

/** A room's position in the store, if there is one. */
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

  /** Not every store can remove; no position is as good as none. */
  drop(): void {
    if (this.#store?.removeItem) this.#store.removeItem(this.#name);
    else this.save("");
  }

  save(position: Position): void {
    try {
      this.#store?.setItem(this.#name, position);
    } catch {
      // A storage that is full or forbidden costs the resume after a reload, nothing now.
    }
  }
}
