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
        text="Every window sees the same events in the same order. Cut this one off, wait, and let it back in: it catches up, and misses nothing."
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
        Real airports and routes, invented cargo. A second here is a minute in the air.{" "}
        <a href="/" target="_blank" rel="noreferrer">
          Open a second window
        </a>
        , or{" "}
        <a href="/?guest" target="_blank" rel="noreferrer">
          one as somebody else
        </a>
      </footer>
    </>
  );
}
