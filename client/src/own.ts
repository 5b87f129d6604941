import type { Line, RoomFollower } from "./line.ts";
import { Socket, type SocketOptions } from "./socket.ts";

/** How the rooms of a client get their lines. */
export interface Lines {
  /** The line of a room, whose events are at this URL. */
  connect(events: URL, follower: RoomFollower): Line;
  tell(type: "restart" | "end"): void;
}

/** A socket for each room. */
export class OwnSockets implements Lines {
  readonly #options: SocketOptions;
  readonly #sockets: Socket[] = [];

  constructor(options: SocketOptions) {
    this.#options = options;
  }

  connect(events: URL, follower: RoomFollower): Line {
    const address = (): string => {
      const since = follower.since();
      return websocketOf(new URL(since ? `?flow=1&since=${since}` : "?flow=1", events));
    };
    const socket = new Socket(this.#options, address, follower);
    this.#sockets.push(socket);
    return socket;
  }

  tell(type: "restart" | "end"): void {
    for (const socket of this.#sockets) socket.tell({ type });
  }
}

export const websocketOf = (url: URL): string => url.href.replace("http", "ws");
