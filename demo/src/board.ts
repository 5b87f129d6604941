/** The shipments room, and the board made from its events. */
import type { EventOf, Position, Room } from "roomcast";
import { ROWS, type Shipment, type ShipmentEvents } from "../shared/shipments.ts";

export type ShipmentsRoom = Room<ShipmentEvents>;
export type ShipmentEvent = EventOf<ShipmentEvents>;

/** The shipment in each row. */
export type Board = readonly (Shipment | undefined)[];

export const emptyBoard: Board = Array.from({ length: ROWS }, () => undefined);

/** Reducer for `useRoomState`. Returns the board after an event. */
export function applyEvent(board: Board, { key, data }: ShipmentEvent): Board {
  if (data !== null) return board.with(data.row, data);
  return board.map((shipment) => (shipment?.id === key ? undefined : shipment));
}

/** Returns the seq of a position, whose format is `epoch:seq`. */
export const seqOf = (position: Position): number => Number(position.split(":")[1]);
