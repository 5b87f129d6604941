import { useState } from "react";
import type { EventOf, Room } from "roomcast";
import { useEvents } from "roomcast/react";

export interface History<Event> {
  /** Oldest first. */
  readonly events: readonly Event[];
  /**
   * Loads earlier events, unless the oldest event is already loaded. The current events stay
   * visible during the request.
   */
  loadEarlier(): void;
}

/** Returns a room's newest events. `loadEarlier` adds earlier events. */
export function useHistory<EventMap extends object>(
  room: Room<EventMap>,
  pageSize: number,
): History<EventOf<EventMap>> {
  const [last, setLast] = useState(pageSize);
  const events = useEvents(room, { last });

  return {
    events,
    loadEarlier() {
      // Each load reads the loaded events again, and an equal number of earlier events. So all
      // loads together read at most twice the history.
      if (events.length === last) setLast(last * 2);
    },
  };
}
