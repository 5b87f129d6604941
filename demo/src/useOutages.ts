import { useEffect, useState } from "react";
import { seqOf, type ShipmentsRoom } from "./board.ts";

/** A period without a connection. */
export interface Outage {
  /** Seq of the last event before the outage. */
  readonly after: number;
  /** Seq of the last missed event. `undefined` while the outage lasts. */
  readonly upTo?: number;
  /** Whether some of the missed events could not be recovered. */
  readonly lost?: boolean;
}

/**
 * Returns the outages of this window, newest last, with the events that the window missed in each
 * outage.
 */
export function useOutages(room: ShipmentsRoom): readonly Outage[] {
  const [outages, setOutages] = useState<readonly Outage[]>([]);

  useEffect(() => {
    function begin(): void {
      if (room.status !== "reconnecting" || !room.position) return;
      const after = seqOf(room.position);
      setOutages((all) => (all.some(isOngoing) ? all : [...all, { after }]));
    }
    const end = (upTo: number, lost: boolean): void =>
      setOutages((all) => all.map((one) => (isOngoing(one) ? { ...one, upTo, lost } : one)));

    const unsubscribe = room.subscribe(begin);
    const removeListeners = room.listen({
      recovered: ({ to }) => end(seqOf(to), false),
      gap: ({ seq }) => end(seq, true),
    });
    return () => {
      unsubscribe();
      removeListeners();
    };
  }, [room]);

  return outages;
}

const isOngoing = ({ upTo }: Outage): boolean => upTo === undefined;
