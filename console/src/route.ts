import { useSyncExternalStore } from "react";

const ROOM = "#/rooms/";

/** Returns the link to a room's page. */
export const roomHref = (room: string): string => ROOM + encodeURIComponent(room);

/** Link to the list of rooms. */
export const LIST_HREF = "#/";

/** Returns the name of the room in the URL, or `undefined` for the list of rooms. */
export function useRoomInUrl(): string | undefined {
  const hash = useSyncExternalStore(subscribe, () => location.hash);
  if (!hash.startsWith(ROOM) || hash === ROOM) return undefined;
  try {
    return decodeURIComponent(hash.slice(ROOM.length));
  } catch {
    return undefined;
  }
}

function subscribe(changed: () => void): () => void {
  addEventListener("hashchange", changed);
  return () => removeEventListener("hashchange", changed);
}
