import { useSearch } from "../useSearch.ts";
import { useUser } from "../user.ts";
import { useUnread, useUserRoom } from "./room.ts";
import { useBrowserNotifications } from "./useBrowserNotifications.ts";

/** Links to the notifications page, and shows the number of unread notifications. */
export function Bell() {
  const user = useUser();
  return user === undefined ? <BellLink unread={0} /> : <UserBell user={user} />;
}

function UserBell({ user }: { user: string }) {
  const room = useUserRoom(user);
  useBrowserNotifications(room);
  return <BellLink unread={useUnread(room).size} />;
}

function BellLink({ unread }: { unread: number }) {
  return (
    <a
      className="bell"
      href={`/bell.html${useSearch()}`}
      aria-label={`Notifications, ${unread} unread`}
    >
      <svg viewBox="0 0 24 24" aria-hidden="true">
        <path d="M18 9a6 6 0 0 0-12 0c0 6-2.5 7-2.5 8h17c0-1-2.5-2-2.5-8ZM10 20.5a2.2 2.2 0 0 0 4 0" />
      </svg>
      {unread > 0 && <span>{unread < 100 ? unread : "99+"}</span>}
    </a>
  );
}
