export interface Shipment {
  id: string;
  progress: number;
}

/** The events of the room `shipments:all`, keyed by shipment; `null` removes one. */
export type ShipmentEvents = {
  "shipment:updated": Shipment | null;
};
