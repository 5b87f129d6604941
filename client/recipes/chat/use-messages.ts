import { useEffect, useState } from "react";
import type { Room, RoomcastError } from "roomcast";
import { useHistory } from "roomcast/react";
import type { ChatEvents } from "./room.ts";

/** A message of this user that is not in the list of the room's messages yet. */
export interface Draft {
  id: string;
  text: string;
  seq?: number;
  error?: string;
}

export function useMessages(room: Room<ChatEvents>) {
  const { events: messages, hasOlder, loadOlder } = useHistory(room, { page: 50 });
  const [drafts, setDrafts] = useState<readonly Draft[]>([]);

  function send(text: string, failed?: Draft): void {
    // The same id again: if the first attempt was stored after all, the second one adds nothing.
    const sent = room.publish("message", { text }, failed && { id: failed.id });
    const { id } = sent;
    const mark = (as: { seq: number } | { error: string }): void =>
      setDrafts((all) => all.map((draft) => (draft.id === id ? { ...draft, ...as } : draft)));
    setDrafts((all) => [...all.filter((draft) => draft !== failed), { id, text }]);
    sent.then(
      (seq) => mark({ seq }),
      ({ code }: RoomcastError) => mark({ error: code }),
    );
  }

  // The ack may arrive before or after the event. A draft ends when its event is in the list.
  const isPending = ({ id, seq = Infinity }: Draft): boolean =>
    !messages.some((message) => message.id === id || message.seq >= seq);
  useEffect(() => setDrafts((all) => all.filter(isPending)), [messages]);

  return {
    messages,
    drafts: drafts.filter(isPending),
    send: (text: string) => send(text),
    retry: (draft: Draft) => send(draft.text, draft),
    hasOlder,
    loadOlder,
  };
}
