import type { Client } from "roomcast";
import { RoomcastProvider, useOnlineCount } from "roomcast/react";
import { useChatRoom } from "../chatRoom.ts";
import { Header } from "../Header.tsx";
import { useSearch } from "../useSearch.ts";
import { useUser } from "../user.ts";
import { Inbox } from "./Inbox.tsx";
import { useUserRoom } from "./room.ts";
import { useBrowserNotifications } from "./useBrowserNotifications.ts";
import { emptyNotifications, useNotifications } from "./useNotifications.ts";

export const NotificationsPage = ({ client }: { client: Client }) => (
  <RoomcastProvider client={client}>
    <Page />
  </RoomcastProvider>
);

function Page() {
  // `undefined` until the client has requested a token. On this page, the chat room causes the
  // first token request.
  const user = useUser();
  const online = useOnlineCount(useChatRoom());
  return (
    <div className="narrow">
      <Header
        title="Notifications"
        text="Your private room receives a notification for each delayed shipment. Marking it as read updates all your windows."
      >
        <a className="button" href={`/${useSearch()}`}>
          Live cargo board
          <small>{online ?? "–"} online</small>
        </a>
      </Header>
      <main>
        {user === undefined ? <Inbox {...emptyNotifications} /> : <UserInbox user={user} />}
      </main>
    </div>
  );
}

function UserInbox({ user }: { user: string }) {
  const room = useUserRoom(user);
  useBrowserNotifications(room);
  return <Inbox {...useNotifications(room)} />;
}
