/**
 * The chat room: presence, pointers and messages of the board's visitors. The chat room is separate
 * from the shipments room, because every visitor may publish in the chat room. Only the fleet may
 * publish shipments.
 */

export const CHAT_ROOM = "chat:cargo";

export interface ChatEvents {
  message: { readonly text: string };
}

export interface ChatSignals {
  /** Pointer position in map units. `null` when the pointer leaves the map. */
  cursor: readonly [x: number, y: number] | null;
  /** Whether the user is typing. */
  typing: boolean;
}
