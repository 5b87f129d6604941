"use client";

import type { EventOf, Snapshot } from "roomcast";
import { useRoom, useRoomState, useStatus } from "roomcast/react";
import type { Shipment, ShipmentEvents } from "../shipments.ts";

export type BoardSnapshot = Snapshot<EventOf<ShipmentEvents>>;

const none: ReadonlyMap<string, Shipment> = new Map();

function reduce(board: typeof none, { key, data }: EventOf<ShipmentEvents>): typeof none {
  const next = new Map(board);
  if (data === null) next.delete(key!);
  else next.set(data.id, data);
  return next;
}

export function Board({ snapshot }: { snapshot: BoardSnapshot | undefined }) {
  const room = useRoom<ShipmentEvents>("shipments:all");
  const board = useRoomState(room, reduce, none, snapshot);
  const { status } = useStatus(room);
  return (
    <ul aria-busy={status !== "connected"}>
      {[...board.values()].map(({ id, progress }) => (
        <li key={id}>
          {id}: {progress} %
        </li>
      ))}
    </ul>
  );
}
