import type { Client } from "roomcast";
import { RoomcastProvider, useRoom, useRoomState } from "roomcast/react";
import { SHIPMENTS_ROOM, type ShipmentEvents } from "../shared/shipments.ts";
import { Bell } from "./bell/Bell.tsx";
import { emptyBoard, applyEvent } from "./board.ts";
import { Chat } from "./chat/Chat.tsx";
import { Connection } from "./Connection.tsx";
import { Feed } from "./Feed.tsx";
import { Header } from "./Header.tsx";
import { Presence } from "./people/Presence.tsx";
import { RouteMap } from "./RouteMap.tsx";
import { Table } from "./Table.tsx";

export function App({ client }: { client: Client }) {
  return (
    <RoomcastProvider client={client}>
      <CargoBoard client={client} />
    </RoomcastProvider>
  );
}

function CargoBoard({ client }: { client: Client }) {
  const room = useRoom<ShipmentEvents>(SHIPMENTS_ROOM);
  const board = useRoomState(room, applyEvent, emptyBoard);

  return (
    <>
      <Header
        title="Live cargo board"
        text="Every window shows the same events in the same order. Go offline for a few seconds, then reconnect: missed events are replayed."
      >
        <Presence />
        <Bell />
        <Connection room={room} client={client} />
      </Header>
      <main className="board">
        <RouteMap board={board} />
        <div className="side">
          <Feed room={room} />
          <Chat />
        </div>
        <Table board={board} />
      </main>
      <footer>
        The airports and routes are real, the cargo is invented. One second on this page is one
        minute of flight.{" "}
        <a href="/" target="_blank" rel="noreferrer">
          Open a second window
        </a>{" "}
        or{" "}
        <a href="/?guest" target="_blank" rel="noreferrer">
          open a window as another user
        </a>
        .
      </footer>
    </>
  );
}
