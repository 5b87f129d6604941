import { useEffect, useState } from "react";
import { seqOf, type Shipments } from "./board.ts";

/** A time without connection. */
export interface Absence {
  /** The last event before it. */
  readonly after: number;
  /** The last event that it missed. Not there while it lasts. */
  readonly upTo?: number;
  /** The room no longer stored what was missed. */
  readonly lost?: boolean;
}

/** When this window was cut off, and what it caught up with, the newest last. */
export function useAbsences(room: Shipments): readonly Absence[] {
  const [absences, setAbsences] = useState<readonly Absence[]>([]);

  useEffect(() => {
    function begin(): void {
      if (room.status !== "reconnecting" || !room.position) return;
      const after = seqOf(room.position);
      setAbsences((all) => (all.some(isLasting) ? all : [...all, { after }]));
    }
    const end = (upTo: number, lost: boolean): void =>
      setAbsences((all) => all.map((one) => (isLasting(one) ? { ...one, upTo, lost } : one)));

    const stopWatching = room.subscribe(begin);
    const stopListening = room.listen({
      recovered: ({ to }) => end(seqOf(to), false),
      gap: ({ seq }) => end(seq, true),
    });
    return () => {
      stopWatching();
      stopListening();
    };
  }, [room]);

  return absences;
}

const isLasting = ({ upTo }: Absence): boolean => upTo === undefined;
