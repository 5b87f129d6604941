import { useState, type FormEvent } from "react";
import type { Signal } from "roomcast";
import { useEvent, useSignal } from "roomcast/react";
import { useChatRoom } from "./room";

export function Composer({ user, send }: { user: string; send(text: string): void }) {
  const [text, setText] = useState("");
  const { typing, sendTyping } = useTyping();
  const others = typing.filter((one) => one !== user).join(", ");

  function submit(event: FormEvent): void {
    event.preventDefault();
    if (text.trim() !== "") send(text.trim());
    setText("");
  }
  return (
    <form onSubmit={submit}>
      <small className="line">{others && `Typing: ${others}`}</small>
      <input
        aria-label="Message"
        placeholder="Message everyone"
        autoComplete="off"
        maxLength={1_000}
        value={text}
        onChange={({ target }) => {
          setText(target.value);
          sendTyping(null);
        }}
      />
      <button>Send</button>
    </form>
  );
}

/** Returns the users who typed in the last three seconds and have not sent their message yet. */
function useTyping() {
  const room = useChatRoom();
  const [signals, setSignals] = useState<readonly Signal[]>([]);

  const sendTyping = useSignal(room, "typing", (_, signal) => {
    setSignals((all) => [...all, signal]);
    setTimeout(() => setSignals((all) => all.filter((one) => one !== signal)), 3_000);
  });
  useEvent(room, "message", (_, { from }) =>
    setSignals((all) => all.filter((one) => one.from !== from)),
  );
  return { typing: [...new Set(signals.map(({ from }) => from))], sendTyping };
}
