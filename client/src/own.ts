import { roomUrl } from "./http.ts";
import type { Lines } from "./line.ts";
import { Socket, websocketOf, type SocketOptions } from "./socket.ts";

/** A socket for each room. */
export function ownSockets(options: SocketOptions, url: string | URL): Lines {
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
