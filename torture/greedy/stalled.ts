/** Attacks of stalled readers. The room sends them frames that flow control does not count. */
import { setTimeout as sleep } from "node:timers/promises";
import { Room } from "../../tests/edge/room.ts";
import type { Attack } from "../attack/attack.ts";
import { authorized, end, eventsOf, join, openAll } from "../attack/client.ts";
import { RawSocket } from "../attack/raw-socket.ts";
import { OWN_MB, SESSION_MB, watchMemory } from "../attack/server.ts";
import { post } from "../http.ts";
import { runConcurrently } from "../run-concurrently.ts";

/** Memory for a stalled connection for 100 rooms, in MB: twice the connection's limit. */
const CONNECTION_MB = 10;
/** Memory that each room uses for its own recent events, in MB. */
const ROOM_MB = 0.6;
/** Time in ms for which the memory is still measured after the last message. */
const AFTER_MS = 1_000;

const SIGNAL = "x".repeat(16_000);

/** Sends signals of 16 kB to stalled readers. Every second reader uses flow control. */
export const signalsToStalledReaders: Attack = async ({ context, runtime }) => {
  const room = new Room(runtime, "stalled");
  const signals = context.size(3_000, 1_200);
  const readers = await openAll(10, (i) =>
    join(runtime, eventsOf(room.name, i % 2 ? "?flow=1" : ""), authorized("reader", ["subscribe"])),
  );
  for (const reader of readers) reader.pause();
  const { beforeMb, peakMb } = await watchMemory(runtime, async () => {
    await runConcurrently(signals, 8, () => signal(room));
    await sleep(AFTER_MS);
  });
  const unnotified = await countUnnotified(room, readers);
  end(readers);
  return {
    injected: {
      "MB of signals to 10 stalled readers": (signals * 10 * SIGNAL.length) / 1e6,
    },
    observed: {
      "MB more for stalled readers of signals": peakMb - beforeMb,
      "stalled readers of signals that got neither an event nor a close": unnotified,
    },
    atMost: {
      "MB more for stalled readers of signals": OWN_MB + readers.length * SESSION_MB,
      "stalled readers of signals that got neither an event nor a close": 0,
    },
  };
};

/**
 * Sends signals of 16 kB to stalled connections for 100 rooms, and fills the window of events in
 * each room.
 */
export const stalledConnections: Attack = async ({ context, runtime }) => {
  const rooms = Array.from({ length: 100 }, (_, i) => new Room(runtime, `stalled:${i}`));
  const connections = await openAll(context.size(10, 8), async () => {
    const socket = await RawSocket.open(
      runtime.url,
      "/events",
      authorized("reader", ["subscribe"]),
    );
    for (const { name } of rooms) socket.send(JSON.stringify({ type: "subscribe", room: name }));
    await socket.until("welcome", rooms.length);
    return socket;
  });
  for (const connection of connections) connection.pause();
  const signals = context.size(20, 6);
  const batch = Array.from({ length: 2 }, () => ({ name: "n", data: "x".repeat(200_000) }));
  const { beforeMb, peakMb } = await watchMemory(runtime, async () => {
    await runConcurrently(rooms.length, 4, async (i) => {
      const room = rooms[i] as Room;
      // The signals are sent first, because a session that is behind in the log receives no
      // signals.
      for (let n = 0; n < signals; n++) await signal(room);
      await post(room, batch);
    });
    await sleep(AFTER_MS);
  });
  end(connections);
  return {
    injected: { "stalled connections for 100 rooms": connections.length },
    observed: {
      "MB more for a stalled connection for 100 rooms": (peakMb - beforeMb) / connections.length,
    },
    atMost: {
      "MB more for a stalled connection for 100 rooms":
        (OWN_MB + rooms.length * ROOM_MB) / connections.length + CONNECTION_MB,
    },
  };
};

/** Repeatedly requests the member list for readers that never read the answers. */
export const memberListsForStalledReaders: Attack = async ({ context, runtime }) => {
  const room = new Room(runtime, "listed");
  const enter = JSON.stringify({ type: "enter", data: "x".repeat(2_000) });
  const members = await openAll(context.size(300, 200), async (i) => {
    const can = authorized(`member${i}`, ["subscribe", "presence"]);
    const socket = await join(runtime, eventsOf(room.name), can);
    socket.send(enter);
    return socket;
  });
  const readers = await openAll(6, () =>
    join(runtime, eventsOf(room.name), authorized("reader", ["subscribe", "presence"])),
  );
  for (const reader of readers) reader.pause();
  const seconds = context.size(5, 2);
  const { beforeMb, peakMb } = await watchMemory(runtime, async () => {
    for (let tenth = 0; tenth < seconds * 10; tenth++) {
      // Sends slightly more requests than the rate limit allows.
      for (const reader of readers)
        for (let i = 0; i < (tenth === 0 ? 100 : 6); i++) reader.send('{"type":"members"}');
      await sleep(100);
    }
    await sleep(AFTER_MS);
  });
  const unnotified = await countUnnotified(room, readers);
  end([...members, ...readers]);
  return {
    injected: { "member lists requested by stalled readers": 6 * (94 + 60 * seconds) },
    observed: {
      "MB more for stalled readers of member lists": peakMb - beforeMb,
      "stalled readers of member lists that got neither an event nor a close": unnotified,
    },
    atMost: {
      "MB more for stalled readers of member lists": OWN_MB + readers.length * SESSION_MB,
      "stalled readers of member lists that got neither an event nor a close": 0,
    },
  };
};

/** Sends a signal. Retries while the room's queue of signals is full. */
async function signal(room: Room): Promise<void> {
  for (;;) {
    try {
      return await room.signal("n", SIGNAL);
    } catch (error) {
      if (!String(error).includes("too many signals wait")) throw error;
      await sleep(50);
    }
  }
}

/** Counts the readers that receive neither the next event nor a close after they resume. */
async function countUnnotified(room: Room, readers: RawSocket[]): Promise<number> {
  await room.publish({ name: "n", data: 1 });
  const results = readers.map(async (reader) => {
    const notified = reader.until("events").then(
      () => 0,
      () => 0,
    );
    reader.resume();
    return Promise.race([notified, sleep(10_000, 1)]);
  });
  return (await Promise.all(results)).reduce((sum, result) => sum + result, 0);
}
