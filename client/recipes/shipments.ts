export interface Shipment {
  id: string;
  progress: number;
}

/** Events of the room `shipments:all`. The key is the shipment's id. `null` removes the shipment. */
export type ShipmentEvents = {
  "shipment:updated": Shipment | null;
};
