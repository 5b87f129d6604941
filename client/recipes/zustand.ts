import type { ConnectionStatus, Room } from "roomcast";
import { create } from "zustand";
import { emptyBoard, reduceBoard, type Board, type ShipmentEvents } from "./shipments.ts";

interface Store {
  board: Board;
  connection: ConnectionStatus | undefined;
}

export const useStore = create<Store>()(() => ({ board: emptyBoard, connection: undefined }));

/** Writes the room's events to the store. Returns a function that stops it. */
export function connectStore(room: Room<ShipmentEvents>): () => void {
  const stops = [
    room.listen({
      // After the first join and after each gap, the board starts from the room's state.
      state: () =>
        useStore.setState({ board: [...room.state!.values()].reduce(reduceBoard, emptyBoard) }),
      events: (events) =>
        useStore.setState(({ board }) => ({ board: events.reduce(reduceBoard, board) })),
    }),
    room.subscribe(() => useStore.setState({ connection: room.connection })),
  ];
  return () => stops.forEach((stop) => stop());
}
