import { useRef } from "react";
import { useSignal } from "roomcast/react";
import { useRecent } from "../people/useRecent.ts";
import type { ChatRoom } from "./room.ts";

/** Said again this often while somebody types, and believed for longer. */
const SAID_EVERY_MS = 2_000;
const BELIEVED_MS = 4_000;

/** Who is typing, and how to tell them that this visitor is. */
export function useTyping(room: ChatRoom) {
  const say = useSignal(room, "typing");
  const saidAt = useRef(0);
  const recent = useRecent(room, "typing", BELIEVED_MS, (data) => data === true || undefined);

  function tell(typing: boolean): void {
    if (typing && Date.now() < saidAt.current + SAID_EVERY_MS) return;
    saidAt.current = typing ? Date.now() : 0;
    say(typing);
  }
  return { typing: [...recent].flatMap(([user, { fading }]) => (fading ? [] : [user])), tell };
}
