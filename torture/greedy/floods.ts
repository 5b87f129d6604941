/** Clients that exceed the rate limits and ignore the refusals. */
import { setTimeout as sleep } from "node:timers/promises";
import { TEXT, frame } from "../../tests/edge/wire.ts";
import { ATTACKED, type Attack } from "../attack/attack.ts";
import { authorized, end, eventsOf, join, openAll } from "../attack/client.ts";
import { RawSocket } from "../attack/raw-socket.ts";
import { OWN_MB, SESSION_MB, watchCpu, watchMemory } from "../attack/server.ts";

const MiB = 2 ** 20;
/**
 * Maximum number of refusals on a connection for many rooms: ten bursts of frames, and the frames
 * that the rate allows until the close.
 */
const REFUSALS = 25_000;
/** Time in ms within which the worker must close a flooding socket. */
const CLOSE_TIMEOUT_MS = 20_000;

const publish = (data: string): string =>
  JSON.stringify({ type: "publish", room: ATTACKED, name: "n", ref: "x".repeat(128), data });

/**
 * Publishes far beyond the rate limit. Some sockets are connections for many rooms. The other
 * sockets are for one room, and some of these sockets are stalled.
 */
export const floodOfFrames: Attack = async ({ context, runtime }) => {
  const [perSocket, each] = [context.size(20_000, 5_000), context.size(4, 2)];
  const can = authorized("flooder", ["subscribe", "publish"]);
  const own = (): Promise<RawSocket> => join(runtime, eventsOf(ATTACKED), can);
  const reading = await openAll(each, own);
  const connections = await openAll(each, async () => {
    const socket = await RawSocket.open(runtime.url, "/events", can);
    socket.send(JSON.stringify({ type: "subscribe", room: ATTACKED }));
    await socket.until("welcome");
    return socket;
  });
  const stalled = await openAll(each, own);
  for (const socket of stalled) socket.pause();
  const batch = Buffer.concat(Array(100).fill(frame(TEXT, publish("x"))));
  let notClosed = 0;
  const { beforeMb, peakMb } = await watchMemory(runtime, async () => {
    const floods = [...reading, ...connections, ...stalled].map((socket) =>
      flood(socket, batch, perSocket / 100),
    );
    await Promise.all(floods);
    for (const socket of stalled) socket.resume();
    const closed = (): boolean => true;
    const closes = [
      ...reading.map(async (socket) => (await closeCode(socket)) === 4429),
      // The worker ends the subscription to the room, or closes the whole connection.
      ...connections.map((socket) =>
        Promise.race([socket.until("closed").then(closed, closed), sleep(CLOSE_TIMEOUT_MS, false)]),
      ),
    ];
    notClosed = (await Promise.all(closes)).filter((isClosed) => !isClosed).length;
  });
  const answers = [...reading, ...connections].map(({ received }) => received.get("error") ?? 0);
  end([...reading, ...connections, ...stalled]);
  return {
    injected: { "frames beyond the rate limit": 3 * each * perSocket },
    observed: {
      "floods of frames that were not closed": notClosed,
      "refusals sent to one flooding socket": Math.max(...answers),
      "MB more during floods of frames": peakMb - beforeMb,
    },
    atMost: {
      "floods of frames that were not closed": 0,
      "refusals sent to one flooding socket": REFUSALS,
      "MB more during floods of frames": OWN_MB + 3 * each * SESSION_MB,
    },
  };
};

/** Sends frames of 1 MiB at the rate limit for frames. */
export const floodOfBytes: Attack = async ({ context, runtime }) => {
  const seconds = context.size(8, 4);
  const can = authorized("flooder", ["subscribe", "publish"]);
  const socket = await join(runtime, eventsOf(ATTACKED), can);
  const large = frame(TEXT, publish("x".repeat(MiB - 300)));
  let [frames, code] = [0, 0];
  const ms = await watchCpu(runtime, async () => {
    void socket.closed.then((closed) => (code = closed));
    for (; code === 0 && frames < 50 * seconds; frames++) {
      if (!socket.write(large)) await socket.drained();
      await sleep(20);
    }
    code = await closeCode(socket);
  });
  end([socket]);
  return {
    injected: { "s of 1 MiB frames, 50 a second": seconds },
    observed: {
      "floods of bytes that were not closed": code === 4429 ? 0 : 1,
      "ms of CPU for each MiB of a flood of bytes": ms / frames,
    },
    atMost: { "floods of bytes that were not closed": 0 },
  };
};

async function flood(socket: RawSocket, batch: Uint8Array, times: number): Promise<void> {
  let isOver = false;
  void socket.closed.then(() => (isOver = true));
  for (let i = 0; i < times && !isOver; i++) if (!socket.write(batch)) await socket.drained();
}

/** Resolves with the close code, or with 0 if the socket is not closed in time. */
const closeCode = (socket: RawSocket): Promise<number> =>
  Promise.race([socket.closed, sleep(CLOSE_TIMEOUT_MS, 0)]);
