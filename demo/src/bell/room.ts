import type { EventOf, Room } from "roomcast";
import { useRoom, useRoomState } from "roomcast/react";
import { userRoom, type NotificationEvents } from "../../shared/notifications.ts";

export type UserRoom = Room<NotificationEvents>;
export type UserEvent = EventOf<NotificationEvents>;
export type DelayEvent = Extract<UserEvent, { name: "delayed" }>;

/** Unread notifications by shipment id. */
export type Unread = ReadonlyMap<string, DelayEvent>;

const nothing: Unread = new Map();

export const useUserRoom = (user: string): UserRoom => useRoom<NotificationEvents>(userRoom(user));

/** Returns the notifications that the user has not read in any window. */
export const useUnread = (room: UserRoom): Unread => useRoomState(room, reduce, nothing);

function reduce(unread: Unread, event: UserEvent): Unread {
  const next = new Map(unread);
  if (event.name === "read") next.delete(event.key!);
  else next.set(event.key!, event);
  return next;
}
