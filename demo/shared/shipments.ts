/** What the backend publishes and the board shows: all that the two have to agree on. */

export const SHIPMENTS_ROOM = "shipments:all";

/** A shipment has one line of the board to itself, and leaves it to another in the end. */
export const ROWS = 24;

/** A shipment in flight reports this often. */
export const REPORT_SECONDS = 6;

export interface Airport {
  readonly iata: string;
  readonly city: string;
  readonly location: readonly [longitude: number, latitude: number];
}

export type Status = "loading" | "in flight" | "delayed" | "delivered";

export interface Shipment {
  readonly id: string;
  /** From 0 on. */
  readonly row: number;
  readonly cargo: string;
  readonly from: Airport;
  readonly to: Airport;
  readonly status: Status;
  /** From 0 to 1. */
  readonly progress: number;
  readonly minutesLeft: number;
}

/**
 * Each event has the shipment's id as its key and the whole shipment as its data, so the room's
 * state is the board: who comes late sees all of it at once. `null` takes a shipment off.
 */
export interface ShipmentEvents {
  "shipment:booked": Shipment;
  "shipment:departed": Shipment;
  "shipment:moved": Shipment;
  "shipment:delayed": Shipment;
  "shipment:delivered": Shipment;
  "shipment:cleared": null;
}
