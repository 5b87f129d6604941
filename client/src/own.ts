import { roomUrl } from "./http.ts";
import type { Connections } from "./transport.ts";
import { Socket, websocketOf, type SocketOptions } from "./socket.ts";

/** A socket for each room. */
export function roomConnections(options: SocketOptions, url: string | URL): Connections {
  return {
    connect(room) {
      const events = websocketOf(roomUrl(url, room.name, "events"));
      const address = (): string => {
        const since = room.since();
        return since === undefined ? `${events}?flow=1` : `${events}?flow=1&since=${since}`;
      };
      return new Socket(options, `room ${room.name}`, address, room);
    },
    tell() {},
  };
}
