/**
 * A client that publishes over a socket. The client has joined the room, so it receives the events
 * too.
 */
import type { Target } from "../peers/dialect.ts";
import { dialects } from "../peers/dialects.ts";
import { eventData } from "./events.ts";
import { Socket } from "./socket.ts";

export interface Publisher {
  /** Writes the events numbered `from` to `to` in one burst, each event in a separate frame. */
  publish(from: number, to: number, bytes: number): void;
  close(): void;
}

export async function openPublisher(target: Target, room: string): Promise<Publisher> {
  const dialect = dialects[target.dialect];
  const joined = Promise.withResolvers<void>();
  const socket = new Socket(
    target.port,
    dialect,
    { room, user: "publisher" },
    {
      onFrame(socket, buffer, start, end) {
        const text = buffer.toString("utf8", start, end);
        if (!text.includes("#")) socket.handleControlFrame(text);
      },
      onJoined: () => joined.resolve(),
      onLost: (_, why) => joined.reject(new Error(`the publisher was lost: ${why}`)),
    },
  );
  await joined.promise;
  return {
    publish(from, to, bytes) {
      for (let n = from; n <= to; n++) socket.send(dialect.publish(room, eventData(n, bytes)));
    },
    close: () => socket.terminate(),
  };
}
