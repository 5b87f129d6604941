import type { EventOf, Room } from "roomcast";
import { useRoom } from "roomcast/react";
import { CHAT_ROOM, type ChatEvents, type ChatSignals } from "../shared/chat.ts";

export type ChatRoom = Room<ChatEvents, ChatSignals>;
export type ChatEvent = EventOf<ChatEvents>;

export const useChatRoom = (): ChatRoom => useRoom<ChatEvents, ChatSignals>(CHAT_ROOM);

/**
 * Returns whether an event is a valid message. Every visitor may publish, so an event may have any
 * data.
 */
export const isMessage = ({ name, data }: ChatEvent): boolean =>
  name === "message" && typeof (data as { text?: unknown } | null)?.text === "string";
