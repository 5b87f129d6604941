import type { EventOf } from "roomcast";
import { useEvent, useEvents, useRoom, useRoomState } from "roomcast/react";

/**
 * Both events have the notification's id as their key. The data `null` removes a read notification
 * from the room's state.
 */
type UserEvents = { notified: { text: string }; read: null };

const none: ReadonlySet<string> = new Set();

function reduce(unread: ReadonlySet<string>, { key, data }: EventOf<UserEvents>) {
  const next = new Set(unread);
  if (data === null) next.delete(key!);
  else next.add(key!);
  return next;
}

/**
 * Shows the notifications. `markRead` calls your backend, which stores the change and publishes
 * `read` for the user's other windows.
 */
export function Bell({ user, markRead }: { user: string; markRead: (id: string) => void }) {
  const room = useRoom<UserEvents>(`user:${user}`);
  const unread = useRoomState(room, reduce, none);
  const events = useEvents(room, { last: 50 });

  useEvent(room, "notified", ({ text }, { key }) => {
    if (!document.hidden || Notification.permission !== "granted") return;
    new Notification(text, { tag: key! }); // one notification per tag, for any number of windows
  });

  return (
    <>
      <h2>{unread.size} unread</h2>
      <ul>
        {events.toReversed().map(
          ({ seq, key, data }) =>
            data && (
              <li key={seq}>
                {data.text}
                {unread.has(key!) && <button onClick={() => markRead(key!)}>Mark as read</button>}
              </li>
            ),
        )}
      </ul>
      {/* Requested only after a click. Browsers may permanently block a page that requests it without one. */}
      <button onClick={() => void Notification.requestPermission()}>Notify me</button>
    </>
  );
}
