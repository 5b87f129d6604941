import { useState, type UIEvent } from "react";
import { timeOf } from "../time.ts";
import { BrowserNotificationSetting } from "./BrowserNotificationSetting.tsx";
import type { Notification, Notifications } from "./useNotifications.ts";
import { textOf, titleOf } from "./text.ts";

/** Distance in pixels from the end of the list at which older notifications are loaded. */
const NEAR_PX = 200;

/** Lists the user's notifications. */
export function Inbox({ all, failed, mark, loadOlder }: Notifications) {
  const [unreadOnly, setUnreadOnly] = useState(false);
  const unread = all.filter(({ isUnread }) => isUnread);
  const shown = unreadOnly ? unread : all;

  function onScroll({ currentTarget: list }: UIEvent): void {
    if (list.scrollHeight - list.clientHeight - list.scrollTop < NEAR_PX) loadOlder();
  }
  return (
    <section className="panel inbox" aria-labelledby="unread">
      <div className="toolbar">
        <h2 id="unread">
          <span role="status">{unread.length} unread</span>
        </h2>
        <button
          className="secondary"
          aria-pressed={unreadOnly}
          onClick={() => setUnreadOnly(!unreadOnly)}
        >
          Unread only
        </button>
        <button
          className="secondary"
          disabled={unread.length === 0}
          onClick={() => void mark(unread)}
        >
          Mark all as read
        </button>
      </div>
      <ol className="rows" tabIndex={0} aria-label="Notifications" onScroll={onScroll}>
        {shown.map((notification, row) => (
          <Row key={notification.event.seq} notification={notification} row={row} mark={mark} />
        ))}
      </ol>
      <div className="toolbar">
        <BrowserNotificationSetting />
        <p role="status">{failed && "Could not mark as read. Try again."}</p>
      </div>
    </section>
  );
}

interface RowProps {
  readonly notification: Notification;
  readonly row: number;
  readonly mark: Notifications["mark"];
}

function Row({ notification, row, mark }: RowProps) {
  const { event, isUnread } = notification;
  const { at, data } = event;
  return (
    <li data-unread={isUnread} style={{ "--row": row }}>
      <h3>
        {titleOf(data)} {isUnread && <span className="visually-hidden">(unread)</span>}
      </h3>
      <time dateTime={new Date(at).toISOString()}>{timeOf(at)}</time>
      <p>{textOf(data)}</p>
      {isUnread && (
        <button
          className="secondary"
          aria-label={`Mark as read: ${data.shipment}`}
          onClick={() => void mark([notification])}
        >
          Mark as read
        </button>
      )}
    </li>
  );
}
