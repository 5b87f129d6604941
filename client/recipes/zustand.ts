import type { ConnectionStatus, EventOf, Room } from "roomcast";
import { create } from "zustand";
import type { Shipment, ShipmentEvents } from "./shipments.ts";

interface Board {
  shipments: Record<string, Shipment>;
  connection: ConnectionStatus | undefined;
}

export const useBoard = create<Board>()(() => ({ shipments: {}, connection: undefined }));

function reduce(shipments: Board["shipments"], { key, data }: EventOf<ShipmentEvents>) {
  const { [key ?? ""]: _, ...others } = shipments;
  return data === null ? others : { ...others, [data.id]: data };
}

/**
 * Writes the room's events to the store. Call it once for the whole app. Components read their slice
 * with `useBoard(selector)`.
 */
export function followBoard(room: Room<ShipmentEvents>): () => void {
  const stops = [
    room.listen({
      state: () => useBoard.setState({ shipments: [...room.state!.values()].reduce(reduce, {}) }),
      events: (events) =>
        useBoard.setState(({ shipments }) => ({ shipments: events.reduce(reduce, shipments) })),
    }),
    room.subscribe(() => useBoard.setState({ connection: room.connection })),
  ];
  return () => stops.forEach((stop) => stop());
}
