import type { Snapshot } from "roomcast";
import type { Shipment } from "../shipments.ts";

/** Maps a shipment's id to its newest value and the seq of that value. */
export type Versions = ReadonlyMap<string, { seq: number; shipment: Shipment | null }>;

/** Applies an update from any source, if the update is newer than the current value. */
export function update(versions: Versions, id: string, seq: number, shipment: Shipment | null) {
  if ((versions.get(id)?.seq ?? 0) >= seq) return versions;
  // A removed shipment stays in the map as `null`. Otherwise a slow answer would restore the shipment.
  return new Map(versions).set(id, { seq, shipment });
}

/**
 * Merges an answer of `GET /rooms/{room}/state`. Events received since the request may be newer
 * than the answer.
 */
export function merge(versions: Versions, { seq, events }: Snapshot): Versions {
  const current = new Map(events.map((event) => [event.key, event.data as Shipment]));
  const ids = new Set([...versions.keys(), ...events.map(({ key }) => key!)]);
  return [...ids].reduce(
    (merged, id) => update(merged, id, seq, current.get(id) ?? null),
    versions,
  );
}
