/** Who publishes events while others follow: over a socket, or as a backend where that is the way. */
import { Backend } from "./backend.ts";
import { type Target, dialects } from "./dialect.ts";
import { Socket } from "./socket.ts";
import { data } from "./tally.ts";

export interface Publisher {
  /** Whether it is in the room itself, and so is sent the events as well. */
  readonly hears: boolean;
  /** At once, each for itself; resolves when they are on their way. */
  publish(from: number, to: number, bytes: number): Promise<void>;
  end(): void;
}

export async function publisher(target: Target, room: string): Promise<Publisher> {
  const dialect = dialects[target.dialect];
  const { publish } = dialect;
  if (!publish) return backend(target, room);
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
    hears: true,
    async publish(from, to, bytes) {
      for (let n = from; n <= to; n++) socket.send(publish(room, data(n, bytes)));
    },
    end: () => socket.drop(),
  };
}

function backend(target: Target, room: string): Publisher {
  const { post } = dialects[target.dialect];
  const backend = new Backend(target.port);
  return {
    hears: false,
    async publish(from, to, bytes) {
      const all = Array.from({ length: to - from + 1 }, (_, i) => data(from + i, bytes));
      await backend.post(post(room, all));
    },
    end: () => backend.end(),
  };
}
