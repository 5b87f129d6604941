import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { useRoom } from "roomcast/react";

/** Loads data from your API, and loads it again whenever the room says that it has changed. */
export function useLive<Data>(name: string, load: () => Promise<Data>) {
  const room = useRoom(name);
  const queries = useQueryClient();
  useEffect(() => {
    const refetch = (): void => void queries.invalidateQueries({ queryKey: [name] });
    // Events may have been published while no component was mounted.
    if (room.state) refetch();
    // `state` is called after the first join and after each gap.
    return room.listen({ events: refetch, state: refetch });
  }, [room, queries, name]);
  return useQuery({ queryKey: [name], queryFn: load, staleTime: Infinity });
}
