/** Who publishes over a socket while others follow; it is in the room, and hears the events too. */
import type { Target } from "../peers/dialect.ts";
import { dialects } from "../peers/dialects.ts";
import { Socket } from "./socket.ts";
import { data } from "./tally.ts";

export interface Publisher {
  /** At once, each for itself. */
  publish(from: number, to: number, bytes: number): void;
  end(): void;
}

export async function publisher(target: Target, room: string): Promise<Publisher> {
  const dialect = dialects[target.dialect];
  const entered = Promise.withResolvers<void>();
  const socket = new Socket(
    target.port,
    dialect,
    { room, user: "publisher" },
    {
      frame(socket, buffer, start, end) {
        const text = buffer.toString("utf8", start, end);
        if (!text.includes("#")) socket.hear(text);
      },
      entered: () => entered.resolve(),
      lost: (_, why) => entered.reject(new Error(`the publisher was lost: ${why}`)),
    },
  );
  await entered.promise;
  return {
    publish(from, to, bytes) {
      for (let n = from; n <= to; n++) socket.send(dialect.publish(room, data(n, bytes)));
    },
    end: () => socket.drop(),
  };
}
