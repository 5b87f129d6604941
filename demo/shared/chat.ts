/**
 * The room of the people at the board: who is looking, where they point, what they say. It is not
 * the shipments' room: there only the fleet may publish, and here everybody may.
 */

export const CHAT_ROOM = "chat:cargo";

export interface ChatEvents {
  message: { readonly text: string };
}

export interface ChatSignals {
  /** A place on the map, in the map's own units; `null` when the pointer has left it. */
  cursor: readonly [x: number, y: number] | null;
  /** Whether they are still at it. */
  typing: boolean;
}
