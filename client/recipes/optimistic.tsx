import { useEffect, useState } from "react";
import type { RoomcastError } from "roomcast";
import { useEvents, usePublish, useRoom } from "roomcast/react";

type ChatEvents = { message: { text: string } };

interface Pending {
  id: string;
  text: string;
  seq?: number;
  error?: string;
}

export function Chat() {
  const room = useRoom<ChatEvents>("chat:lobby");
  const publish = usePublish(room);
  const events = useEvents(room, { last: 50 });
  const [pending, setPending] = useState<Pending[]>([]);

  function send(text: string) {
    const sent = publish("message", { text });
    const mark = (as: { seq: number } | { error: string }) =>
      setPending((all) => all.map((one) => (one.id === sent.id ? { ...one, ...as } : one)));
    setPending((all) => [...all, { id: sent.id, text }]);
    sent.then(
      (seq) => mark({ seq }),
      ({ code }: RoomcastError) => mark({ error: code }),
    );
  }

  // The ack may arrive before or after the event. A pending message is removed when its event is in the list.
  const isPending = ({ id, seq = Infinity }: Pending) =>
    !events.some((event) => event.id === id || event.seq >= seq);
  useEffect(() => setPending((all) => all.filter(isPending)), [events]);

  return (
    <>
      <ol>
        {events.map(({ seq, data }) => (
          <li key={seq}>{data.text}</li>
        ))}
        {pending.filter(isPending).map(({ id, text, error }) => (
          <li key={id}>{error ? `${text} (not sent: ${error})` : `${text} …`}</li>
        ))}
      </ol>
      <button onClick={() => send("Hello")}>Say hello</button>
    </>
  );
}
