import type { Client } from "roomcast";
import { RoomcastProvider, useRoom, useRoomState } from "roomcast/react";
import { ROOM, type ShipmentEvents } from "../shared/shipments.ts";
import { emptyBoard, place } from "./board.ts";
import { Connection } from "./Connection.tsx";
import { Feed } from "./Feed.tsx";
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
  const room = useRoom<ShipmentEvents>(ROOM);
  const board = useRoomState(room, place, emptyBoard);

  return (
    <>
      <header>
        <div className="title">
          <h1>
            <span className="brand">Roomcast</span> Live cargo board
          </h1>
          <p>
            Every window sees the same events in the same order. Cut this one off, wait, and let it
            back in: it catches up, and misses nothing.
          </p>
        </div>
        <Connection room={room} client={client} />
      </header>
      <main>
        <RouteMap board={board} />
        <Feed room={room} />
        <Table board={board} />
      </main>
      <footer>
        Real airports and routes, invented cargo. A second here is a minute in the air.{" "}
        <a href="/" target="_blank" rel="noreferrer">
          Open a second window
        </a>
      </footer>
    </>
  );
}
