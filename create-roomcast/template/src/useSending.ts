import { useState } from "react";
import { usePublish } from "roomcast/react";
import { useChatRoom, type Message } from "./room";

/** A message of this user that is shown before the room has stored it. */
interface Unsent {
  id: string;
  text: string;
  seq?: number;
  error?: string;
}

export function useSending(events: readonly Message[]) {
  const publish = usePublish(useChatRoom());
  const [messages, setMessages] = useState<readonly Unsent[]>([]);

  // The event of a message may be shown before or after the room acknowledges it with its seq.
  const isUnsent = ({ id, seq = Infinity }: Unsent) =>
    !events.some((event) => event.id === id || event.seq >= seq);

  /** Sends a message, or sends it again with its id: the room stores an id only once. */
  function send(text: string, id?: string): void {
    const sent = publish("message", { text }, { id });
    const update = (change: Partial<Unsent>) =>
      setMessages((all) => all.map((one) => (one.id === sent.id ? { ...one, ...change } : one)));

    setMessages((all) => [
      ...all.filter((one) => isUnsent(one) && one.id !== id),
      { id: sent.id, text },
    ]);
    sent.then(
      (seq) => update({ seq }),
      (error: Error) => update({ error: error.message }),
    );
  }
  return { unsent: messages.filter(isUnsent), send };
}
