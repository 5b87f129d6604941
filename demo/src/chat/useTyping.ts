import { useRef } from "react";
import { useSignal } from "roomcast/react";
import type { ChatRoom } from "../chatRoom.ts";
import { useRecentSignals } from "../useRecentSignals.ts";

/** Interval in ms between two signals while a user types. */
const RESEND_INTERVAL_MS = 2_000;
/**
 * Time in ms for which a user is shown as typing after the last signal. This time is longer than
 * the interval.
 */
const TYPING_TTL_MS = 4_000;

/** Returns the users who are typing, and a function that sends this visitor's own status. */
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
