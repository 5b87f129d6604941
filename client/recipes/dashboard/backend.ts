import type { Backend } from "roomcast/server";
import type { Shipment } from "../shipments.ts";

/** Publishes the new values of up to 1,000 shipments, in one request. */
export async function publishShipments(backend: Backend, shipments: readonly Shipment[]) {
  await backend.publishBatch(
    "shipments:all",
    shipments.map((shipment) => ({ name: "shipment:updated", key: shipment.id, data: shipment })),
  );
}

/** Removes a shipment from the room's state, and so from each dashboard. */
export async function removeShipment(backend: Backend, id: string) {
  await backend.publish("shipments:all", "shipment:updated", null, { key: id });
}
