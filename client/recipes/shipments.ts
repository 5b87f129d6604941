export interface Shipment {
  id: string;
  progress: number;
}

/** The events of the room `shipments:all`. The key is the shipment's id; `null` removes it. */
export type ShipmentEvents = {
  "shipment:updated": Shipment | null;
};
