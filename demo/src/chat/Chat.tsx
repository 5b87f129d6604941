import { useState, type FormEvent } from "react";
import { nameOf } from "../../shared/names.ts";
import { useChatRoom } from "../chatRoom.ts";
import { useUser } from "../user.ts";
import { DraftMessage, Message } from "./Message.tsx";
import { useAnchor } from "./useAnchor.ts";
import { useChat } from "./useChat.ts";
import { useTyping } from "./useTyping.ts";

const MAX_LENGTH = 1_000;

/** Shows the chat of the board's visitors. */
export function Chat() {
  const room = useChatRoom();
  const { events, isLoading, drafts, loadOlder, send, retry, discard } = useChat(room);
  const { typing, setTyping } = useTyping(room);
  const user = useUser();
  const others = typing.filter((one) => one !== user);
  const isLastOwn = events.at(-1)?.from === user;

  return (
    <section className="panel chat" aria-labelledby="chat">
      <h2 id="chat">Chat</h2>
      <div
        className="messages"
        role="log"
        aria-busy={isLoading}
        tabIndex={0}
        aria-labelledby="chat"
        {...useAnchor(loadOlder)}
      >
        <ol>
          {events.map((event, n) => (
            <Message
              key={event.id ?? event.seq}
              event={event}
              previous={events[n - 1]}
              own={event.from === user}
            />
          ))}
          {drafts.map((draft, n) => (
            <DraftMessage
              key={draft.id}
              draft={draft}
              author={n === 0 && !isLastOwn ? user : undefined}
              retry={retry}
              discard={discard}
            />
          ))}
        </ol>
      </div>
      <p className="typing">{typingText(others)}</p>
      <Composer send={send} setTyping={setTyping} />
    </section>
  );
}

function typingText(users: readonly string[]): string {
  const [one, other] = users.map(nameOf);
  if (one === undefined) return "";
  if (other === undefined) return `${one} is typing…`;
  return users.length === 2 ? `${one} and ${other} are typing…` : "Several people are typing…";
}

interface ComposerProps {
  send(text: string): void;
  setTyping(typing: boolean): void;
}

function Composer({ send, setTyping }: ComposerProps) {
  const [text, setText] = useState("");

  function submit(event: FormEvent): void {
    event.preventDefault();
    if (text.trim() === "") return;
    send(text.trim());
    setText("");
    setTyping(false);
  }
  return (
    <form className="composer" onSubmit={submit}>
      <input
        aria-label="Message"
        placeholder="Message everyone"
        autoComplete="off"
        enterKeyHint="send"
        maxLength={MAX_LENGTH}
        value={text}
        onChange={({ target }) => {
          setText(target.value);
          setTyping(target.value !== "");
        }}
      />
      <button>Send</button>
    </form>
  );
}
