"use client";

import type { EventOf, Snapshot } from "roomcast";
import { useRoom, useRoomState, useStatus } from "roomcast/react";
import { emptyBoard, reduceBoard, type ShipmentEvents } from "../shipments.ts";

export type BoardSnapshot = Snapshot<EventOf<ShipmentEvents>>;

export function Board({ snapshot }: { snapshot: BoardSnapshot | undefined }) {
  const room = useRoom<ShipmentEvents>("shipments:all");
  const board = useRoomState(room, reduceBoard, emptyBoard, snapshot);
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
