import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import type { EventOf } from "roomcast";
import { useEvent, useRoom } from "roomcast/react";
import type { Shipment, ShipmentEvents } from "./shipments.ts";

const queryKey = ["shipments"];

function apply(shipments: Shipment[], { key, data }: EventOf<ShipmentEvents>): Shipment[] {
  const others = shipments.filter(({ id }) => id !== key);
  return data === null ? others : [...others, data];
}

export function useShipments(load: () => Promise<Shipment[]>) {
  const room = useRoom<ShipmentEvents>("shipments:all");
  const queries = useQueryClient();
  const meanwhile = useRef<EventOf<ShipmentEvents>[]>([]);

  useEvent(room, (_, event) => {
    if (queries.isFetching({ queryKey })) meanwhile.current.push(event);
    queries.setQueryData<Shipment[]>(queryKey, (old) => old && apply(old, event));
  });

  useEffect(() => {
    const refetch = (): void => void queries.invalidateQueries({ queryKey });
    // Events may have been published while no component was mounted.
    if (room.state) refetch();
    // `state` is called after the first join and after each gap. Data that was loaded before may be stale.
    return room.listen({ state: refetch });
  }, [room, queries]);

  return useQuery({
    queryKey,
    async queryFn() {
      meanwhile.current = [];
      const shipments = await load();
      // The loaded data may be older than the events that arrived during the request.
      return meanwhile.current.reduce(apply, shipments);
    },
    staleTime: Infinity,
  });
}
