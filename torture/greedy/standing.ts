/** Readers that stand still while a room sends them what flow control does not count. */
import { setTimeout as sleep } from "node:timers/promises";
import { Room } from "../../tests/edge/room.ts";
import type { Attack } from "../attack/attack.ts";
import { authorized, end, eventsOf, join, openAll } from "../attack/client.ts";
import { RawSocket } from "../attack/raw-socket.ts";
import { OWN_MB, SESSION_MB, watchMemory } from "../attack/server.ts";
import { post } from "../http.ts";
import { runConcurrently } from "../run-concurrently.ts";

/** What a connection in 100 rooms may hold for a reader that stands still, doubled. */
const CONNECTION_MB = 10;
/** What each of the rooms keeps for itself of what was published. */
const ROOM_MB = 0.6;
/** How long the memory is watched after the last was sent. */
const AFTER_MS = 1_000;

const SIGNAL = "x".repeat(16_000);

/** Signals of 16 kB to readers that stand still, with flow control and without. */
export const signalsToStandingReaders: Attack = async ({ context, runtime }) => {
  const room = new Room(runtime, "standing");
  const signals = context.size(3_000, 1_200);
  const readers = await openAll(10, (i) =>
    join(runtime, eventsOf(room.name, i % 2 ? "?flow=1" : ""), authorized("reader", ["subscribe"])),
  );
  for (const reader of readers) reader.standStill();
  const { beforeMb, mostMb } = await watchMemory(runtime, async () => {
    await runConcurrently(signals, 8, () => signal(room));
    await sleep(AFTER_MS);
  });
  const lost = await lostWithoutAWord(room, readers);
  end(readers);
  return {
    injected: {
      "MB of signals to 10 stalled readers": (signals * 10 * SIGNAL.length) / 1e6,
    },
    observed: {
      "MB more for stalled readers of signals": mostMb - beforeMb,
      "stalled readers of signals that got neither an event nor a close": lost,
    },
    atMost: {
      "MB more for stalled readers of signals": OWN_MB + readers.length * SESSION_MB,
      "stalled readers of signals that got neither an event nor a close": 0,
    },
  };
};

/** The same over connections for 100 rooms each, and a window of events in each room. */
export const standingConnections: Attack = async ({ context, runtime }) => {
  const rooms = Array.from({ length: 100 }, (_, i) => new Room(runtime, `standing:${i}`));
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
  for (const connection of connections) connection.standStill();
  const signals = context.size(20, 6);
  const batch = Array.from({ length: 2 }, () => ({ name: "n", data: "x".repeat(200_000) }));
  const { beforeMb, mostMb } = await watchMemory(runtime, async () => {
    await runConcurrently(rooms.length, 4, async (i) => {
      const room = rooms[i] as Room;
      // Signals first: a session that is behind in the log is sent none.
      for (let n = 0; n < signals; n++) await signal(room);
      await post(room, batch);
    });
    await sleep(AFTER_MS);
  });
  end(connections);
  return {
    injected: { "stalled connections for 100 rooms": connections.length },
    observed: {
      "MB more for a stalled connection for 100 rooms": (mostMb - beforeMb) / connections.length,
    },
    atMost: {
      "MB more for a stalled connection for 100 rooms":
        (OWN_MB + rooms.length * ROOM_MB) / connections.length + CONNECTION_MB,
    },
  };
};

/** Readers that ask for the members again and again, and take none of the answers. */
export const membersForStandingReaders: Attack = async ({ context, runtime }) => {
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
  for (const reader of readers) reader.standStill();
  const seconds = context.size(5, 2);
  const { beforeMb, mostMb } = await watchMemory(runtime, async () => {
    for (let tenth = 0; tenth < seconds * 10; tenth++) {
      // All that the rate lets through, and a little more.
      for (const reader of readers)
        for (let i = 0; i < (tenth === 0 ? 100 : 6); i++) reader.send('{"type":"members"}');
      await sleep(100);
    }
    await sleep(AFTER_MS);
  });
  const lost = await lostWithoutAWord(room, readers);
  end([...members, ...readers]);
  return {
    injected: { "member lists requested by stalled readers": 6 * (94 + 60 * seconds) },
    observed: {
      "MB more for stalled readers of member lists": mostMb - beforeMb,
      "stalled readers of member lists that got neither an event nor a close": lost,
    },
    atMost: {
      "MB more for stalled readers of member lists": OWN_MB + readers.length * SESSION_MB,
      "stalled readers of member lists that got neither an event nor a close": 0,
    },
  };
};

/** Sends a signal, and again while as many wait in the room as may. */
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

/** Of readers that go on: how many hear neither of the next event nor that they were closed. */
async function lostWithoutAWord(room: Room, readers: RawSocket[]): Promise<number> {
  await room.publish({ name: "n", data: 1 });
  const went = readers.map(async (reader) => {
    const heard = reader.until("events").then(
      () => 0,
      () => 0,
    );
    reader.goOn();
    return Promise.race([heard, sleep(10_000, 1)]);
  });
  return (await Promise.all(went)).reduce((sum, lost) => sum + lost, 0);
}
