import type { Room } from "roomcast";
import { useStatus } from "roomcast/react";
import { formatDuration } from "../format.ts";
import { useOperator } from "../session.ts";
import { useNow } from "../useNow.ts";

const TEXTS = {
  connecting: "Connecting…",
  connected: "Live",
  reconnecting: "Reconnecting…",
  unauthorized: "The token is no longer accepted",
  forbidden: "The token does not grant subscribe",
  closed: "Closed",
} as const;

/** Shows whether the events are live. */
export function StatusBadge({ room }: { room: Room }) {
  const { client } = useOperator().session;
  const { status, reason, retryAt } = useStatus(room);
  const now = useNow(1_000);
  const isOver = status === "closed";
  return (
    <div className="status" data-status={status}>
      <span className="pill">{TEXTS[status]}</span>
      {reason !== undefined && status !== "forbidden" && <code>{reason}</code>}
      {retryAt !== undefined && <span>next attempt in {formatDuration(retryAt - now)}</span>}
      {isOver && (
        <button type="button" className="secondary" onClick={() => client.connect()}>
          Connect again
        </button>
      )}
      <span className="muted">
        This page is one session of the room, without a member. It keeps the room awake while it is
        visible.
      </span>
    </div>
  );
}
