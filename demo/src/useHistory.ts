import { useState } from "react";
import type { EventOf, Room } from "roomcast";
import { useEvents } from "roomcast/react";

export interface History<Event> {
  /** Oldest first. */
  readonly events: readonly Event[];
  /** Loads earlier events, if there may be any. The current events stay visible while loading. */
  loadEarlier(): void;
}

/** Returns a room's newest events. `loadEarlier` adds earlier ones. */
export function useHistory<EventMap extends object>(
  room: Room<EventMap>,
  pageSize: number,
): History<EventOf<EventMap>> {
  const [last, setLast] = useState(pageSize);
  const events = useEvents(room, { last });

  return {
    events,
    loadEarlier() {
      // Each load starts again at the newest event. Doubling the number bounds the total of events
      // read to twice the size of the history.
      if (events.length === last) setLast(last * 2);
    },
  };
}
