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
      // Each load reads again from the newest event. Because the number doubles, all loads together
      // read at most twice the history.
      if (events.length === last) setLast(last * 2);
    },
  };
}
