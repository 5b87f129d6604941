import { useEffect, useState } from "react";
import { seqOf, type ShipmentsRoom } from "./board.ts";

/** A time without connection. */
export interface Outage {
  /** The last event before it. */
  readonly after: number;
  /** The last event that it missed. Not there while it lasts. */
  readonly upTo?: number;
  /** The room no longer stored what was missed. */
  readonly lost?: boolean;
}

/** When this window was cut off, and what it caught up with, the newest last. */
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
