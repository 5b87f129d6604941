/** Publishers of numbered events. */
import type { Target } from "../peers/dialect.ts";
import { dialects } from "../peers/dialects.ts";
import { Backend } from "./backend.ts";
import { eventBatch, eventData } from "./events.ts";
import { Socket } from "./socket.ts";

export interface Publisher {
  /** Publishes the events numbered `from` to `to` in one burst. */
  publish(from: number, to: number, bytes: number): Promise<void>;
  close(): void;
}

/** Publishes with one request for each burst, which is answered when `publish` resolves. */
export function backendPublisher(target: Target, room: string): Publisher {
  const backend = new Backend(target);
  return {
    async publish(from, to, bytes) {
      await backend.publish(room, eventBatch(from, to - from + 1, bytes));
    },
    close: () => backend.close(),
  };
}

/**
 * Publishes over a socket, with a frame for each event. The socket has joined the room, so it
 * receives the events too.
 */
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
    async publish(from, to, bytes) {
      for (let n = from; n <= to; n++) socket.send(dialect.publish(room, eventData(n, bytes)));
    },
    close: () => socket.terminate(),
  };
}
