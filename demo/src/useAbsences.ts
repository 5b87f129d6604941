import { useEffect, useState } from "react";
import { seqOf, type Shipments } from "./board.ts";

/** A time without connection. */
export interface Absence {
  /** The last event before it. */
  readonly after: number;
  /** Not there while it lasts. */
  readonly end?: {
    /** The last event that was caught up with. */
    readonly upTo: number;
    readonly caughtUp: number;
    /** None, but where the room no longer stores what came meanwhile. */
    readonly missing: number;
  };
}

/** When this window was cut off, and what it caught up with, the newest last. */
export function useAbsences(room: Shipments): readonly Absence[] {
  const [absences, setAbsences] = useState<readonly Absence[]>([]);

  useEffect(() => {
    let after: number | undefined;

    function leave(): void {
      if (after !== undefined || room.status !== "reconnecting" || !room.position) return;
      const left = seqOf(room.position);
      after = left;
      setAbsences((all) => [...all, { after: left }]);
    }
    function comeBack(upTo: number, caughtUp: number): void {
      if (after === undefined) return;
      const end = { upTo, caughtUp, missing: upTo - after - caughtUp };
      setAbsences((all) => [...all.slice(0, -1), { ...all.at(-1)!, end }]);
      after = undefined;
    }

    const stopWatching = room.subscribe(leave);
    const stopListening = room.listen({
      // What was missed comes first, and at once.
      events: (events) => comeBack(events.at(-1)!.seq, events.length),
      gap: ({ seq }) => comeBack(seq, 0),
    });
    return () => {
      stopWatching();
      stopListening();
    };
  }, [room]);

  return absences;
}
