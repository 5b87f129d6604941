import type { LogPosition } from "./position.ts";
import type { RoomEvent, Snapshot } from "../protocol.ts";

/**
 * A room's state at the position up to which the room was followed, from one first join or gap to the
 * next: the latest event of every key, in the order of their seq.
 */
export class State {
  readonly #events = new Map<string, RoomEvent>();
  #position: LogPosition;
  #whole = false;
  /** It is ahead of the position. */
  #early: Snapshot | undefined;

  constructor(position: LogPosition) {
    this.#position = position;
  }

  get position(): LogPosition {
    return this.#position;
  }

  /** Nothing before it is settled: a part of the state would look like all of it. */
  get events(): ReadonlyMap<string, RoomEvent> | undefined {
    return this.#whole ? this.#events : undefined;
  }

  /** Goes on to the last of these. */
  apply(events: readonly RoomEvent[]): void {
    for (const event of events) this.#set(event);
    const { seq } = events.at(-1) ?? this.#position;
    this.#position = { ...this.#position, seq };
  }

  /**
   * Takes a snapshot for what was up to its seq, and keeps what was applied since. One that is
   * ahead is kept until its time has come. Returns whether that has made the state whole.
   */
  settle(snapshot = this.#early): boolean {
    const { epoch, seq } = this.#position;
    if (this.#whole || snapshot?.epoch !== epoch) return false;
    this.#early = snapshot.seq > seq ? snapshot : undefined;
    if (this.#early) return false;
    const newer = [...this.#events.values()].filter((event) => event.seq > snapshot.seq);
    this.#events.clear();
    this.#whole = true;
    for (const event of [...snapshot.events, ...newer]) this.#set(event);
    return true;
  }

  #set(event: RoomEvent): void {
    if (event.key === undefined) return;
    this.#events.delete(event.key);
    // Until it is settled a removal is kept: the snapshot to come may be older.
    if (event.data !== null || !this.#whole) this.#events.set(event.key, event);
  }
}
