import { useEffect, useState, useSyncExternalStore } from "react";
import type { RoomcastError } from "roomcast";
import { useRoom, useRoomState } from "roomcast/react";
import {
  emptyBoard,
  reduceBoard,
  type Board,
  type Shipment,
  type ShipmentEvents,
} from "../shipments.ts";

/** A change that this user has made, and that the room's state may not contain yet. */
interface Change {
  id: string;
  shipment: Shipment;
  seq?: number;
}

const seqOf = (position: string | undefined): number => Number(position?.split(":")[1] ?? -1);

/** Returns the board with this user's latest changes, and a function that changes a shipment. */
export function useOptimisticBoard(onRejected: (shipment: Shipment, error: RoomcastError) => void) {
  const room = useRoom<ShipmentEvents>("shipments:all");
  const stored = useRoomState(room, reduceBoard, emptyBoard);
  const seen = seqOf(
    useSyncExternalStore(
      room.subscribe,
      () => room.position,
      () => undefined,
    ),
  );
  const [changes, setChanges] = useState<readonly Change[]>([]);

  // A change is shown until the room's state contains it: until this client has received each event
  // up to the seq that the ack names.
  const isPending = ({ seq = Infinity }: Change): boolean => seq > seen;

  // The state that follows a gap contains each acknowledged change.
  useEffect(
    () =>
      room.listen({ state: () => setChanges((all) => all.filter(({ seq }) => seq === undefined)) }),
    [room],
  );

  function save(shipment: Shipment): void {
    const sent = room.publish("shipment:updated", shipment, { key: shipment.id });
    const { id } = sent;
    setChanges((all) => [...all.filter(isPending), { id, shipment }]);
    sent.then(
      (seq) =>
        setChanges((all) => all.map((change) => (change.id === id ? { ...change, seq } : change))),
      (error: RoomcastError) => {
        setChanges((all) => all.filter((change) => change.id !== id));
        onRejected(shipment, error);
      },
    );
  }

  const board: Board = new Map([
    ...stored,
    ...changes.filter(isPending).map(({ shipment }) => [shipment.id, shipment] as const),
  ]);
  return { board, save };
}
