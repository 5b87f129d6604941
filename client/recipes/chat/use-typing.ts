import { useEffect, useState } from "react";
import type { Room } from "roomcast";
import { useSignal } from "roomcast/react";
import type { ChatEvents, ChatSignals } from "./room.ts";

/** Time in ms for which a user is shown as typing after a key press. */
const TYPING_MS = 3_000;

/** Returns the users who are typing, and a function to call when this user types. */
export function useTyping(room: Room<ChatEvents, ChatSignals>) {
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

  return { typing: [...typing.keys()], onType: () => sendTyping(null) };
}
