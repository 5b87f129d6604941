import { useSyncExternalStore } from "react";
import type { AnyEvents } from "roomcast";
import { useOnlineCount, usePresence, useRoom } from "roomcast/react";

/** Data of a member's window. A client that enters without data has `null`. */
interface Person {
  name: string;
  away: boolean;
}

const usePeople = (name: string) => useRoom<AnyEvents, object, Person | null>(name);

/** Enters the room as `me`, and lists everybody who is there. */
export function PresenceList({ room: name, me }: { room: string; me: string }) {
  const members = usePresence(usePeople(name), { name: me, away: useIsHidden() });
  if (members === undefined) return <p>…</p>;
  return (
    <ul>
      {members.map(({ user, sessions }) => (
        // A user with two windows is one member with two sessions.
        <li key={user}>
          {sessions[0]?.data?.name ?? user}
          {sessions.every(({ data }) => data?.away) && " (away)"}
        </li>
      ))}
    </ul>
  );
}

/** Shows how many users are in the room, without entering it. */
export function OnlineCount({ room: name }: { room: string }) {
  const count = useOnlineCount(usePeople(name));
  return <p>{count === undefined ? "…" : `${count} online`}</p>;
}

/** Returns whether the window is in the background. */
function useIsHidden(): boolean {
  return useSyncExternalStore(
    (changed) => {
      document.addEventListener("visibilitychange", changed);
      return () => document.removeEventListener("visibilitychange", changed);
    },
    () => document.hidden,
    () => false,
  );
}
