import type { Client } from "roomcast";
import { RoomcastProvider, useOnlineCount } from "roomcast/react";
import { useChatRoom } from "../chatRoom.ts";
import { Header } from "../Header.tsx";
import { useSearch } from "../useSearch.ts";
import { useUser } from "../user.ts";
import { Inbox } from "./Inbox.tsx";
import { useUserRoom } from "./room.ts";
import { useAlerts } from "./useAlerts.ts";
import { noNotifications, useNotifications } from "./useNotifications.ts";

export const BellPage = ({ client }: { client: Client }) => (
  <RoomcastProvider client={client}>
    <Page />
  </RoomcastProvider>
);

function Page() {
  // Not known before a room has asked for a token. Here the first to do so is the board's.
  const user = useUser();
  const online = useOnlineCount(useChatRoom());
  return (
    <div className="narrow">
      <Header
        title="Notifications"
        text="You are told of each delay, in a room that is yours alone. What you read in one window is read in all of them."
      >
        <a className="button" href={`/${useSearch()}`}>
          Live cargo board
          <small>{online ?? "–"} looking</small>
        </a>
      </Header>
      <main>
        {user === undefined ? <Inbox {...noNotifications} /> : <UsersInbox user={user} />}
      </main>
    </div>
  );
}

function UsersInbox({ user }: { user: string }) {
  const room = useUserRoom(user);
  useAlerts(room);
  return <Inbox {...useNotifications(room)} />;
}
