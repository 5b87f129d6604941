import type { Snapshot } from "roomcast";
import type { Shipment } from "./shipments.ts";

/** Each shipment with the seq at which it had this value. */
export type Versions = ReadonlyMap<string, { seq: number; shipment: Shipment | null }>;

/** Applies an update from any source, if the update is newer than the current value. */
export function update(versions: Versions, id: string, seq: number, shipment: Shipment | null) {
  if ((versions.get(id)?.seq ?? 0) >= seq) return versions;
  // A removed shipment stays as `null`. Otherwise a slow answer would restore it.
  return new Map(versions).set(id, { seq, shipment });
}

/** Merges an answer of `GET /rooms/{room}/state`. Events received in the meantime may be newer than the answer. */
export function merge(versions: Versions, { seq, events }: Snapshot): Versions {
  const current = new Map(events.map((event) => [event.key, event.data as Shipment]));
  const ids = new Set([...versions.keys(), ...events.map(({ key }) => key!)]);
  return [...ids].reduce(
    (merged, id) => update(merged, id, seq, current.get(id) ?? null),
    versions,
  );
}
