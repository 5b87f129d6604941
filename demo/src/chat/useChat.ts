import { useState } from "react";
import type { Code, RoomcastError } from "roomcast";
import { useEvent, usePublish } from "roomcast/react";
import { useHistory, type History } from "../useHistory.ts";
import { isMessage, type ChatEvent, type ChatRoom } from "./room.ts";

/** A message of one's own that has not come from the room yet. */
export interface Draft {
  /** Of the event that it becomes: what is sent twice counts once. */
  readonly id: string;
  readonly text: string;
  /** It is stored, as this event. */
  readonly seq?: number;
  /** It was not sent. */
  readonly refusal?: Code;
}

export interface Chat extends History<ChatEvent> {
  /** They stand below the events. */
  readonly drafts: readonly Draft[];
  send(text: string): void;
  /** Sends it again, as the newest. */
  retry(draft: Draft): void;
  discard(draft: Draft): void;
}

const PAGE = 50;

export function useChat(room: ChatRoom): Chat {
  const publish = usePublish(room);
  const { events, goBack } = useHistory(room, PAGE);
  const [drafts, setDrafts] = useState<readonly Draft[]>([]);

  // A draft stays until its event is there, which may be before its ack or after it. One that went
  // by in a gap is read with the others, and its draft goes with the next event.
  useEvent(room, (_, { id, seq }) =>
    setDrafts((all) => all.filter((draft) => draft.id !== id && !(draft.seq! <= seq))),
  );
  const arrived = new Set(events.map(({ id }) => id));

  function settle(id: string, outcome: Partial<Draft>): void {
    setDrafts((all) => all.map((draft) => (draft.id === id ? { ...draft, ...outcome } : draft)));
  }
  function send(text: string, draft?: Draft): void {
    const sent = publish("message", { text }, draft && { id: draft.id });
    const { id } = sent;
    setDrafts((all) => [...all.filter((other) => other !== draft), { id, text }]);
    sent.then(
      (seq) => settle(id, { seq }),
      ({ code }: RoomcastError) => settle(id, { refusal: code }),
    );
  }

  return {
    events: events.filter(isMessage),
    goBack,
    drafts: drafts.filter(({ id }) => !arrived.has(id)),
    send: (text) => send(text),
    retry: (draft) => send(draft.text, draft),
    discard: (draft) => setDrafts((all) => all.filter((other) => other !== draft)),
  };
}
