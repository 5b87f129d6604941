/** The room as the board shows it. */
import type { EventOf, Position, Room } from "roomcast";
import { ROWS, type Shipment, type ShipmentEvents } from "../shared/shipments.ts";

export type ShipmentsRoom = Room<ShipmentEvents>;
export type ShipmentEvent = EventOf<ShipmentEvents>;

/** What stands on each line. */
export type Board = readonly (Shipment | undefined)[];

export const emptyBoard: Board = Array.from({ length: ROWS }, () => undefined);

export function applyEvent(board: Board, { key, data }: ShipmentEvent): Board {
  if (data !== null) return board.with(data.row, data);
  return board.map((shipment) => (shipment?.id === key ? undefined : shipment));
}

/** A position is `epoch:seq`. */
export const seqOf = (position: Position): number => Number(position.split(":")[1]);
