import { useState } from "react";
import type { RoomcastError } from "roomcast";
import { useEvents, usePublish, useRoom } from "roomcast/react";

type ChatEvents = { message: { text: string } };

interface Pending {
  id: string;
  text: string;
  error?: string;
}

export function Chat() {
  const room = useRoom<ChatEvents>("chat:lobby");
  const publish = usePublish(room);
  const events = useEvents(room, { last: 50 });
  const [pending, setPending] = useState<Pending[]>([]);

  function send(text: string) {
    const sent = publish("message", { text });
    setPending((all) => [...all, { id: sent.id, text }]);
    sent.then(
      () => setPending((all) => all.filter(({ id }) => id !== sent.id)),
      ({ code }: RoomcastError) =>
        setPending((all) => all.map((one) => (one.id === sent.id ? { ...one, error: code } : one))),
    );
  }

  const arrived = new Set(events.map(({ id }) => id));
  return (
    <>
      <ol>
        {events.map(({ seq, data }) => (
          <li key={seq}>{data.text}</li>
        ))}
        {pending
          .filter(({ id }) => !arrived.has(id))
          .map(({ id, text, error }) => (
            <li key={id}>{error ? `${text} (not sent: ${error})` : `${text} …`}</li>
          ))}
      </ol>
      <button onClick={() => send("Hello")}>Say hello</button>
    </>
  );
}
