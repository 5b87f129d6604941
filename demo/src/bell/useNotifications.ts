import { useState } from "react";
import { useHistory } from "roomcast/react";
import { markRead } from "../backend.ts";
import { useUnread, type DelayEvent, type UserEvent, type UserRoom } from "./room.ts";

export interface Notification {
  readonly event: DelayEvent;
  readonly isUnread: boolean;
}

export interface Notifications {
  /** Newest first. */
  readonly all: readonly Notification[];
  /** Whether the last attempt to mark notifications as read failed. */
  readonly failed: boolean;
  /** Marks notifications as read in all windows. */
  mark(notifications: readonly Notification[]): Promise<void>;
  loadOlder(): void;
}

/** Notifications that are shown until the user is known. */
export const emptyNotifications: Notifications = {
  all: [],
  failed: false,
  mark: async () => {},
  loadOlder() {},
};

const PAGE_SIZE = 100;

/**
 * Returns all notifications of the user. The notifications are read from the room's history. Their
 * unread status is read from the room's state.
 */
export function useNotifications(room: UserRoom): Notifications {
  const unread = useUnread(room);
  const { events, loadOlder } = useHistory(room, { page: PAGE_SIZE });
  /** Optimistic update: the notifications are shown as read before the room's event arrives. */
  const [marked, setMarked] = useState<readonly DelayEvent[]>([]);
  const [failed, setFailed] = useState(false);

  async function mark(notifications: readonly Notification[]): Promise<void> {
    const marking = notifications.map(({ event }) => event);
    setFailed(false);
    setMarked((all) => [...all, ...marking]);
    try {
      await markRead(marking.map(({ key }) => key!));
    } catch {
      setFailed(true);
      setMarked((all) => all.filter((event) => !marking.includes(event)));
    }
  }

  const isUnread = (event: DelayEvent): boolean =>
    unread.get(event.key!)?.seq === event.seq && !marked.some(({ seq }) => seq === event.seq);
  // An unread notification may be older than the loaded part of the history.
  const bySeq = new Map(
    [...unread.values(), ...events.filter(isDelay)].map((event) => [event.seq, event]),
  );
  const all = [...bySeq.values()]
    .sort((a, b) => b.seq - a.seq)
    .map((event) => ({ event, isUnread: isUnread(event) }));

  return { all, failed, mark, loadOlder };
}

const isDelay = (event: UserEvent): event is DelayEvent => event.name === "delayed";
