import { roomUrl } from "./http.ts";
import type { Line, Lines, RoomFollower } from "./line.ts";
import { Socket, websocketOf, type SocketOptions } from "./socket.ts";

/** A socket for each room. */
export class OwnSockets implements Lines {
  readonly #options: SocketOptions;
  readonly #url: string | URL;
  readonly #sockets: OwnSocket[] = [];

  constructor(options: SocketOptions, url: string | URL) {
    this.#options = options;
    this.#url = url;
  }

  connect(room: RoomFollower): Line {
    const events = websocketOf(roomUrl(this.#url, room.name, "events"));
    const address = (): string => {
      const since = room.since();
      return since === undefined ? `${events}?flow=1` : `${events}?flow=1&since=${since}`;
    };
    const socket = new OwnSocket(this.#options, address, room);
    this.#sockets.push(socket);
    return socket;
  }

  tell(type: "restart" | "end"): void {
    for (const socket of this.#sockets) socket.tell({ type });
  }
}

class OwnSocket extends Socket implements Line {
  readonly own = true;
}
