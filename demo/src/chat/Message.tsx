import { memo, type ReactNode } from "react";
import type { Code } from "roomcast";
import { hueOf, nameOf } from "../../shared/names.ts";
import { timeOf } from "../time.ts";
import type { ChatEvent } from "./room.ts";
import type { Draft } from "./useChat.ts";

/** What one person says within this time stands below one name. */
const TOGETHER_MS = 300_000;

interface MessageProps {
  readonly event: ChatEvent;
  readonly before: ChatEvent | undefined;
  readonly own: boolean;
}

export const Message = memo(function Message({ event, before, own }: MessageProps) {
  const { from, at, data } = event;
  const goesOn = before?.from === from && at - before.at < TOGETHER_MS;
  return (
    <li>
      {!goesOn && (
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
  /** Whose it is, where it does not stand below their name already. */
  readonly author: string | undefined;
  retry(draft: Draft): void;
  discard(draft: Draft): void;
}

export function DraftMessage({ draft, author, retry, discard }: DraftProps) {
  const { text, refusal } = draft;
  return (
    <li data-draft={refusal ? "refused" : "pending"}>
      {author !== undefined && <Author user={author} own />}
      <p>
        {text} {!refusal && <span className="hidden">(sending)</span>}
      </p>
      {refusal && (
        <p className="refusal" role="alert">
          Not sent: {reasonOf(refusal)}.
          <button className="quiet" onClick={() => retry(draft)}>
            Retry
          </button>
          <button className="quiet" onClick={() => discard(draft)}>
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

function reasonOf(refusal: Code): string {
  switch (refusal) {
    case "forbidden":
    case "unauthorized":
      return "not allowed";
    case "timeout":
      return "no answer";
    case "too_large":
      return "too long";
    default:
      return "refused";
  }
}
