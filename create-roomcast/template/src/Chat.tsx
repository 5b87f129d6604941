import { useEffect, useRef } from "react";
import { useHistory } from "roomcast/react";
import { Composer } from "./Composer";
import { Header } from "./Header";
import { useChatRoom } from "./room";
import { useSending } from "./useSending";

export function Chat({ user, signOut }: { user: string; signOut(): void }) {
  const { events, loadOlder, hasOlder, isLoading } = useHistory(useChatRoom(), { page: 50 });
  const { unsent, send } = useSending(events);
  const log = useRef<HTMLDivElement>(null);

  /** Loads older messages if the first message is nearly visible. */
  function loadAtTop(): void {
    const { scrollTop, scrollHeight, clientHeight } = log.current!;
    // The log is a reversed column: `scrollTop` is 0 at the end, and negative above.
    if (scrollHeight + scrollTop < clientHeight + 200) loadOlder();
  }
  useEffect(loadAtTop, [events, hasOlder]);

  function sendAndScroll(text: string): void {
    send(text);
    log.current!.scrollTop = 0;
  }
  return (
    <>
      <Header signOut={signOut} />
      <div role="log" aria-busy={isLoading} tabIndex={0} ref={log} onScroll={loadAtTop}>
        <ol>
          {events.map(({ id, seq, from, at, data }, n) => (
            <li key={id ?? seq} className={from === user ? "own" : ""}>
              {from !== events[n - 1]?.from && (
                <small>
                  <strong style={{ color: colorOf(from) }}>{from}</strong>{" "}
                  {new Date(at).toLocaleTimeString([], { timeStyle: "short" })}
                </small>
              )}
              <p>{data.text}</p>
            </li>
          ))}
          {unsent.map(({ id, text, error }) => (
            <li key={id} className={error ? "own failed" : "own pending"}>
              <p>{text}</p>
              <small>{error ? `Not sent: ${error}` : "Sending…"}</small>
              {error && <button onClick={() => send(text, id)}>Retry</button>}
            </li>
          ))}
        </ol>
        {!isLoading && events.length + unsent.length === 0 && <p>Nobody has written yet.</p>}
        {hasOlder && <small>Loading older messages…</small>}
      </div>
      <Composer user={user} send={sendAndScroll} />
    </>
  );
}

/** Returns the color of a user, which is the same in each window. */
function colorOf(user: string): string {
  const hue = [...user].reduce((sum, char) => (sum * 31 + char.codePointAt(0)!) % 360, 0);
  return `light-dark(oklch(50% 0.15 ${hue}), oklch(80% 0.11 ${hue}))`;
}
