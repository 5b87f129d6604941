/** A React app with optional arguments of the hooks. */
import type { EventOf, Room, Snapshot } from "roomcast";
import {
  useEvent,
  useEvents,
  useGrant,
  useHistory,
  useMembers,
  useOnlineCount,
  usePresence,
  usePublish,
  useRoom,
  useRoomState,
  useSignal,
  useStatus,
} from "roomcast/react";

interface Events {
  moved: { x: number };
}
interface Signals {
  cursor: { x: number };
}
type Read = {
  initial: EventOf<Events>[] | undefined;
  snapshot: Snapshot<EventOf<Events>> | undefined;
};

export function Board({ initial, snapshot }: Read) {
  const room: Room<Events, Signals, { name: string }> = useRoom<Events, Signals, { name: string }>(
    "room",
  );
  const events = useEvents(room, { last: 20, initial });
  const total = useRoomState(room, (sum, { data }) => sum + data.x, 0, snapshot);
  const publish = usePublish(room);
  const cursor = useSignal(room, "cursor");
  const members = usePresence(room, { name: "Alice" });
  useEvent(room, "moved", ({ x }) => cursor({ x }));
  return (
    <button onClick={() => void publish("moved", { x: total })} title={useStatus(room).status}>
      {events.map(({ seq }) => seq)} {members?.[0]?.sessions[0]?.data.name}
      {useMembers(room)?.length} {useOnlineCount(room)} {useGrant(room)?.join()}
      {useHistory(room, { page: 20, initial }).error?.code}
    </button>
  );
}
