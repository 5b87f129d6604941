import type { Snapshot } from "roomcast";
import type { Shipment } from "./shipments.ts";

/** Each shipment with the seq at which it was true. */
export type Versions = ReadonlyMap<string, { seq: number; shipment: Shipment | null }>;

/** Takes an update only if it is newer than what is there, wherever it came from. */
export function update(versions: Versions, id: string, seq: number, shipment: Shipment | null) {
  if ((versions.get(id)?.seq ?? 0) >= seq) return versions;
  // A removed one is kept as `null`, or a slow answer would bring it back.
  return new Map(versions).set(id, { seq, shipment });
}

/** Merges an answer of `GET /rooms/{room}/state` that may be older than the events heard since. */
export function merge(versions: Versions, { seq, events }: Snapshot): Versions {
  const current = new Map(events.map((event) => [event.key, event.data as Shipment]));
  const ids = new Set([...versions.keys(), ...events.map(({ key }) => key!)]);
  return [...ids].reduce(
    (merged, id) => update(merged, id, seq, current.get(id) ?? null),
    versions,
  );
}
