import { memo, type ReactNode } from "react";
import type { Code } from "roomcast";
import { hueOf, nameOf } from "../../shared/names.ts";
import type { ChatEvent } from "../chatRoom.ts";
import { timeOf } from "../time.ts";
import type { Draft } from "./useChat.ts";

/** Maximum time in ms between consecutive messages of a user that are shown under one heading. */
const GROUP_MS = 300_000;

interface MessageProps {
  readonly event: ChatEvent;
  readonly previous: ChatEvent | undefined;
  readonly own: boolean;
}

export const Message = memo(function Message({ event, previous, own }: MessageProps) {
  const { from, at, data } = event;
  const isContinuation = previous?.from === from && at - previous.at < GROUP_MS;
  return (
    <li>
      {!isContinuation && (
        <Author user={from} own={own}>
          <time dateTime={new Date(at).toISOString()}>{timeOf(at)}</time>
        </Author>
      )}
      <p>{data.text}</p>
    </li>
  );
});

interface DraftProps {
  readonly draft: Draft;
  /**
   * User to show above the draft. `undefined` if the message above the draft is by the same user.
   */
  readonly author: string | undefined;
  retry(draft: Draft): void;
  discard(draft: Draft): void;
}

export function DraftMessage({ draft, author, retry, discard }: DraftProps) {
  const { text, error } = draft;
  return (
    <li data-draft={error ? "failed" : "pending"}>
      {author !== undefined && <Author user={author} own />}
      <p>
        {text} {!error && <span className="visually-hidden">(sending)</span>}
      </p>
      {error && (
        <p className="error" role="alert">
          Not sent: {reasonOf(error)}.
          <button className="secondary" onClick={() => retry(draft)}>
            Retry
          </button>
          <button className="secondary" onClick={() => discard(draft)}>
            Discard
          </button>
        </p>
      )}
    </li>
  );
}

interface AuthorProps {
  readonly user: string;
  readonly own: boolean;
  readonly children?: ReactNode;
}

const Author = ({ user, own, children }: AuthorProps) => (
  <p className="author">
    <strong style={{ "--hue": hueOf(user) }}>{own ? "You" : nameOf(user)}</strong> {children}
  </p>
);

function reasonOf(error: Code): string {
  switch (error) {
    case "forbidden":
    case "unauthorized":
      return "not allowed";
    case "timeout":
      return "timed out";
    case "too_large":
      return "too long";
    default:
      return "rejected";
  }
}
