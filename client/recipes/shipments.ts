import type { EventOf } from "roomcast";

export interface Shipment {
  id: string;
  progress: number;
}

/** Events of the room `shipments:all`. The key is the shipment's id. `null` removes the shipment. */
export type ShipmentEvents = {
  "shipment:updated": Shipment | null;
};

/** The shipments by id. */
export type Board = ReadonlyMap<string, Shipment>;

export const emptyBoard: Board = new Map();

/** Returns the board after an event. */
export function reduceBoard(board: Board, { key, data }: EventOf<ShipmentEvents>): Board {
  const next = new Map(board);
  if (data === null) next.delete(key!);
  else next.set(data.id, data);
  return next;
}
