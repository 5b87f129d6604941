import type { RoomEvent, Snapshot } from "./protocol.ts";

/** A room's state, from one first join or gap to the next: the latest event of every key, in the order of their seq. */
export class State {
  readonly #events = new Map<string, RoomEvent>();
  #whole = false;

  /** Nothing before it is settled: a part of the state would look like all of it. */
  get events(): ReadonlyMap<string, RoomEvent> | undefined {
    return this.#whole ? this.#events : undefined;
  }

  apply(events: readonly RoomEvent[]): void {
    for (const event of events) {
      if (event.key === undefined) continue;
      this.#events.delete(event.key);
      // Until it is settled a removal is kept: the snapshot to come may be older.
      if (event.data !== null || !this.#whole) this.#events.set(event.key, event);
    }
  }

  /** Takes a snapshot for what was up to its seq, and keeps what was applied since. */
  settle(snapshot: Snapshot): void {
    const newer = [...this.#events.values()].filter((event) => event.seq > snapshot.seq);
    this.#events.clear();
    this.#whole = true;
    this.apply(snapshot.events);
    this.apply(newer);
  }
}
