/** Events and types that the backend and the board share. */

export const SHIPMENTS_ROOM = "shipments:all";

/** Number of rows of the board. Each shipment has its own row until the shipment is removed. */
export const ROWS = 24;

/** Seconds between two reports of a shipment in flight. */
export const REPORT_SECONDS = 6;

export interface Airport {
  readonly iata: string;
  readonly city: string;
  readonly location: readonly [longitude: number, latitude: number];
}

export type Status = "loading" | "in flight" | "delayed" | "delivered";

export interface Shipment {
  readonly id: string;
  /** Row of the board, starting at 0. */
  readonly row: number;
  readonly cargo: string;
  readonly from: Airport;
  readonly to: Airport;
  readonly status: Status;
  /** Completed fraction of the route, from 0 to 1. */
  readonly progress: number;
  readonly minutesLeft: number;
}

/**
 * Each event has the shipment's id as its key and the whole shipment as its data. The room's state
 * is therefore the board, and a new subscriber immediately receives the whole board. The data
 * `null` removes a shipment.
 */
export interface ShipmentEvents {
  "shipment:booked": Shipment;
  "shipment:departed": Shipment;
  "shipment:moved": Shipment;
  "shipment:delayed": Shipment;
  "shipment:delivered": Shipment;
  "shipment:cleared": null;
}
