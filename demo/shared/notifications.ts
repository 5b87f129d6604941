/** Notifications of one visitor. Each visitor has a private room for notifications. */

export const userRoom = (user: string): string => `user:${user}`;

export interface Delay {
  readonly shipment: string;
  readonly cargo: string;
  readonly from: string;
  readonly to: string;
  readonly minutesLeft: number;
}

/**
 * Both events have the shipment's id as their key. `read` has `null` as its data, which removes the
 * key from the room's state. The state therefore contains the unread notifications, and the history
 * contains all notifications.
 */
export interface NotificationEvents {
  delayed: Delay;
  read: null;
}
