import { useState } from "react";
import type { EventOf, Room } from "roomcast";
import { useEvents } from "roomcast/react";

export interface History<Event> {
  /** Oldest first. */
  readonly events: readonly Event[];
  /** Reads further back, if there may be more. What is shown stays until it is there. */
  loadEarlier(): void;
}

/** A room's newest events, and as many of the earlier ones as are asked for. */
export function useHistory<EventMap extends object>(
  room: Room<EventMap>,
  pageSize: number,
): History<EventOf<EventMap>> {
  const [last, setLast] = useState(pageSize);
  const events = useEvents(room, { last });

  return {
    events,
    loadEarlier() {
      // Reading begins with the newest each time: twice as far, the whole is read no more than twice.
      if (events.length === last) setLast(last * 2);
    },
  };
}
