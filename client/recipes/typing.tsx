import { useEffect, useState } from "react";
import type { AnyEvents } from "roomcast";
import { useRoom, useSignal } from "roomcast/react";

type ChatSignals = { typing: null };

/** Time in ms for which a user is shown as typing after a key press. */
const TYPING_MS = 3_000;

export function Composer() {
  const room = useRoom<AnyEvents, ChatSignals>("chat:lobby");
  const [typing, setTyping] = useState<ReadonlyMap<string, number>>(new Map());

  const sendTyping = useSignal(room, "typing", (_, { from }) => {
    const until = Date.now() + TYPING_MS;
    setTyping((all) => new Map(all).set(from, until));
  });

  useEffect(() => {
    if (typing.size === 0) return;
    const next = Math.min(...typing.values());
    const forget = (): void =>
      setTyping((all) => new Map([...all].filter(([, until]) => until > next)));
    const timer = setTimeout(forget, next - Date.now());
    return () => clearTimeout(timer);
  }, [typing]);

  return (
    <label>
      <input onKeyDown={() => sendTyping(null)} />
      {typing.size > 0 && `${[...typing.keys()].join(", ")} …`}
    </label>
  );
}
