import { useRef } from "react";
import { useSignal } from "roomcast/react";
import type { ChatRoom } from "../chatRoom.ts";
import { useRecentSignals } from "../useRecentSignals.ts";

/** Said again this often while somebody types, and believed for longer. */
const RESEND_INTERVAL_MS = 2_000;
const TYPING_TTL_MS = 4_000;

/** Who is typing, and how to tell them that this visitor is. */
export function useTyping(room: ChatRoom) {
  const sendTyping = useSignal(room, "typing");
  const sentAt = useRef(0);
  const recent = useRecentSignals(
    room,
    "typing",
    TYPING_TTL_MS,
    (data) => data === true || undefined,
  );

  function setTyping(typing: boolean): void {
    if (typing && Date.now() < sentAt.current + RESEND_INTERVAL_MS) return;
    sentAt.current = typing ? Date.now() : 0;
    sendTyping(typing);
  }
  return { typing: [...recent].flatMap(([user, { fading }]) => (fading ? [] : [user])), setTyping };
}
