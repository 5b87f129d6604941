/** What a visitor is told of, in a room of their own. */

export const userRoom = (user: string): string => `user:${user}`;

export interface Delay {
  readonly shipment: string;
  readonly cargo: string;
  readonly from: string;
  readonly to: string;
  readonly minutesLeft: number;
}

/**
 * Both have the shipment's id as their key, and to have read of it takes it off: so the room's
 * state is what is unread, and its history is all there was.
 */
export interface NotificationEvents {
  delayed: Delay;
  read: null;
}
