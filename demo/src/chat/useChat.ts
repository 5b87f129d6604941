import { useEffect, useState } from "react";
import type { Code, RoomcastError } from "roomcast";
import { useHistory, usePublish } from "roomcast/react";
import { isMessage, type ChatEvent, type ChatRoom } from "../chatRoom.ts";

/** A message of this visitor that the room has not broadcast yet. */
export interface Draft {
  /** Id of the event. The room stores an id only once, even if the message is sent twice. */
  readonly id: string;
  readonly text: string;
  /** Seq of the stored event. `undefined` until the event is acknowledged. */
  readonly seq?: number;
  /** Reason why the message was not sent. */
  readonly error?: Code;
}

export interface Chat {
  /** Messages, oldest first. */
  readonly events: readonly ChatEvent[];
  readonly isLoading: boolean;
  /** Loads a page of older messages, if there are any. */
  loadOlder(): void;
  /** Drafts, which are shown below the events. */
  readonly drafts: readonly Draft[];
  send(text: string): void;
  /** Sends the draft again, as the newest message. */
  retry(draft: Draft): void;
  discard(draft: Draft): void;
}

const PAGE_SIZE = 50;

export function useChat(room: ChatRoom): Chat {
  const publish = usePublish(room);
  const { events, isLoading, loadOlder } = useHistory(room, { page: PAGE_SIZE });
  const [drafts, setDrafts] = useState<readonly Draft[]>([]);

  // The event may arrive before or after its ack. A draft is shown until its own event or a later
  // event is shown.
  const isPending = ({ id, seq = Infinity }: Draft): boolean =>
    !events.some((event) => event.id === id || event.seq >= seq);
  useEffect(() => setDrafts((all) => all.filter(isPending)), [events]);

  function updateDraft(id: string, changes: Partial<Draft>): void {
    setDrafts((all) => all.map((draft) => (draft.id === id ? { ...draft, ...changes } : draft)));
  }
  function send(text: string, draft?: Draft): void {
    const sent = publish("message", { text }, draft && { id: draft.id });
    const { id } = sent;
    setDrafts((all) => [...all.filter((other) => other !== draft), { id, text }]);
    sent.then(
      (seq) => updateDraft(id, { seq }),
      ({ code }: RoomcastError) => updateDraft(id, { error: code }),
    );
  }

  return {
    events: events.filter(isMessage),
    isLoading,
    loadOlder,
    drafts: drafts.filter(isPending),
    send: (text) => send(text),
    retry: (draft) => send(draft.text, draft),
    discard: (draft) => setDrafts((all) => all.filter((other) => other !== draft)),
  };
}
