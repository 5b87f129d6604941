import { useState, type FormEvent } from "react";
import { nameOf } from "../../shared/names.ts";
import { useUser } from "../user.ts";
import { DraftMessage, Message } from "./Message.tsx";
import { useChatRoom } from "./room.ts";
import { useAnchor } from "./useAnchor.ts";
import { useChat } from "./useChat.ts";
import { useTyping } from "./useTyping.ts";

const MAX_LENGTH = 1_000;

/** What people say beside the map. */
export function Chat() {
  const room = useChatRoom();
  const { events, drafts, goBack, send, retry, discard } = useChat(room);
  const { typing, tell } = useTyping(room);
  const user = useUser();
  const others = typing.filter((one) => one !== user);
  const lastIsOwn = events.at(-1)?.from === user;

  return (
    <section className="panel chat" aria-labelledby="chat">
      <h2 id="chat">Chat</h2>
      <div className="said" role="log" tabIndex={0} aria-labelledby="chat" {...useAnchor(goBack)}>
        <ol>
          {events.map((event, n) => (
            <Message
              key={event.id ?? event.seq}
              event={event}
              before={events[n - 1]}
              own={event.from === user}
            />
          ))}
          {drafts.map((draft, n) => (
            <DraftMessage
              key={draft.id}
              draft={draft}
              author={n === 0 && !lastIsOwn ? user : undefined}
              retry={retry}
              discard={discard}
            />
          ))}
        </ol>
      </div>
      <p className="typing">{typingText(others)}</p>
      <Composer send={send} tell={tell} />
    </section>
  );
}

function typingText(users: readonly string[]): string {
  const [one, other] = users.map(nameOf);
  if (one === undefined) return "";
  if (other === undefined) return `${one} is typing …`;
  return users.length === 2 ? `${one} and ${other} are typing …` : "Several people are typing …";
}

interface ComposerProps {
  send(text: string): void;
  tell(typing: boolean): void;
}

function Composer({ send, tell }: ComposerProps) {
  const [text, setText] = useState("");

  function submit(event: FormEvent): void {
    event.preventDefault();
    if (text.trim() === "") return;
    send(text.trim());
    setText("");
    tell(false);
  }
  return (
    <form className="composer" onSubmit={submit}>
      <input
        aria-label="Message"
        placeholder="Message everybody here"
        autoComplete="off"
        enterKeyHint="send"
        maxLength={MAX_LENGTH}
        value={text}
        onChange={({ target }) => {
          setText(target.value);
          tell(target.value !== "");
        }}
      />
      <button>Send</button>
    </form>
  );
}
