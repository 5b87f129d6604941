import { useState, type FormEvent } from "react";
import { useRoom } from "roomcast/react";
import type { ChatEvents, ChatSignals } from "./room.ts";
import { useMessages } from "./use-messages.ts";
import { useTyping } from "./use-typing.ts";

export function Chat({ name }: { name: string }) {
  const room = useRoom<ChatEvents, ChatSignals>(name);
  const { messages, drafts, send, retry, hasOlder, loadOlder } = useMessages(room);
  const { typing, onType } = useTyping(room);
  const [text, setText] = useState("");

  function submit(event: FormEvent): void {
    event.preventDefault();
    if (text.trim() === "") return;
    send(text.trim());
    setText("");
  }

  return (
    <>
      {hasOlder && <button onClick={loadOlder}>Older messages</button>}
      <ol>
        {messages.map(({ id, seq, from, data }) => (
          <li key={id ?? seq}>
            <b>{from}</b> {data.text}
          </li>
        ))}
        {drafts.map((draft) => (
          <li key={draft.id} aria-busy={!draft.error}>
            {draft.text}
            {draft.error && (
              <>
                {" "}
                Not sent: {draft.error}. <button onClick={() => retry(draft)}>Send again</button>
              </>
            )}
          </li>
        ))}
      </ol>
      <p>{typing.length > 0 && `${typing.join(", ")} …`}</p>
      <form onSubmit={submit}>
        <input
          aria-label="Message"
          value={text}
          onChange={({ target }) => {
            setText(target.value);
            onType();
          }}
        />
        <button>Send</button>
      </form>
    </>
  );
}
