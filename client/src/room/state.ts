import type { LogPosition } from "./position.ts";
import type { RoomEvent, Snapshot } from "../protocol.ts";

/**
 * A room's state at the last delivered position: the latest event of every key, in the order of
 * their seqs. A new state starts when the room is first joined, and after each gap.
 */
export class State {
  readonly #events = new Map<string, RoomEvent>();
  #position: LogPosition;
  #isComplete = false;
  /** A snapshot that is ahead of the position. */
  #pendingSnapshot: Snapshot | undefined;

  constructor(position: LogPosition) {
    this.#position = position;
  }

  get position(): LogPosition {
    return this.#position;
  }

  /**
   * The latest event of each key. `undefined` before a snapshot is applied, because a partial state
   * would look complete.
   */
  get events(): ReadonlyMap<string, RoomEvent> | undefined {
    return this.#isComplete ? this.#events : undefined;
  }

  /** Applies events and advances the position to the last of them. */
  apply(events: readonly RoomEvent[]): void {
    for (const event of events) this.#set(event);
    const { seq } = events.at(-1) ?? this.#position;
    this.#position = { ...this.#position, seq };
  }

  /**
   * Applies a snapshot up to its seq, and retains later events. A snapshot that is ahead of the
   * position is stored until the position reaches it. Returns whether the state has become
   * complete.
   */
  applySnapshot(snapshot = this.#pendingSnapshot): boolean {
    const { epoch, seq } = this.#position;
    if (this.#isComplete || snapshot?.epoch !== epoch) return false;
    this.#pendingSnapshot = snapshot.seq > seq ? snapshot : undefined;
    if (this.#pendingSnapshot) return false;
    const newer = [...this.#events.values()].filter((event) => event.seq > snapshot.seq);
    this.#events.clear();
    this.#isComplete = true;
    for (const event of [...snapshot.events, ...newer]) this.#set(event);
    return true;
  }

  #set(event: RoomEvent): void {
    if (event.key === undefined) return;
    this.#events.delete(event.key);
    // Until a snapshot is applied, a removal is stored as well, because the snapshot may be older
    // than the removal.
    if (event.data !== null || !this.#isComplete) this.#events.set(event.key, event);
  }
}
