import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { useEvent, useRoom } from "roomcast/react";
import type { Shipment, ShipmentEvents } from "./shipments.ts";

export function useShipments(load: () => Promise<Shipment[]>) {
  const room = useRoom<ShipmentEvents>("shipments:all");
  const queries = useQueryClient();

  useEvent(room, "shipment:updated", (shipment, { key }) => {
    queries.setQueryData<Shipment[]>(["shipments"], (old = []) => {
      const others = old.filter(({ id }) => id !== key);
      return shipment === null ? others : [...others, shipment];
    });
  });

  // `state` is heard after the first join and after each gap: what was loaded before may be stale.
  useEffect(
    () => room.listen({ state: () => void queries.invalidateQueries({ queryKey: ["shipments"] }) }),
    [room, queries],
  );

  return useQuery({ queryKey: ["shipments"], queryFn: load, staleTime: Infinity });
}
