/**
 * Attacks whose cost grows with the number of sockets in a room. They use signals, members, or many
 * sockets of one user.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Room } from "../../tests/edge/room.ts";
import { ATTACKED, type Attack, slowest } from "../attack/attack.ts";
import { authorized, end, eventsOf, join, openAll } from "../attack/client.ts";
import { RawSocket } from "../attack/raw-socket.ts";

/**
 * Number of signal names of a sender. The room sends at most one signal of each name every 50 ms.
 */
const NAMES = 10;
/** Maximum number of signal copies that a room sends in a second (docs/limits.md). */
const COPIES_PER_SECOND = 15_000;

/** Sends signals from four senders to a room with many sockets. */
export const signalsInALargeRoom: Attack = async ({ context, runtime, bystanders }) => {
  const sockets = context.size(800, 200);
  const can = authorized("reader", ["subscribe"]);
  const crowd = await openAll(sockets, () => join(runtime, eventsOf(ATTACKED), can));
  // These sockets do not read, because reading would need a separate CPU core. The signals fit into
  // the system's buffers.
  for (const each of crowd) each.pause();
  const senders = await openAll(4, (i) =>
    join(runtime, eventsOf(ATTACKED), authorized(`sender${i}`, ["subscribe", "publish"])),
  );
  await bystanders.measure();
  const calm = await bystanders.measureFor(context.size(4_000, 1_500));
  const seconds = context.size(8, 3);
  const until = Date.now() + seconds * 1_000;
  let signals = 0;
  // Sends at the rate limit, and does not wait until the room has forwarded the previous signal.
  for (let i = 0; Date.now() < until; i++) {
    for (const sender of senders)
      sender.send(JSON.stringify({ type: "signal", name: `n${i % NAMES}`, data: i }));
    signals += senders.length;
    await sleep(18);
  }
  const during = await bystanders.measure();
  for (const each of crowd) each.resume();
  await Promise.all(crowd.map((each) => each.until("signal")));
  await sleep(1_000);
  const received = Math.max(...crowd.map((each) => each.received.get("signal") ?? 0));
  end([...crowd, ...senders]);
  const [before, then] = [calm[ATTACKED]?.p50 ?? 0, during[ATTACKED]?.p50 ?? 0];
  return {
    injected: {
      "signals from four senders in a large room": signals,
      "sockets in the large room": sockets,
    },
    observed: {
      "ms p50 in the large room": before,
      "ms p50 in the large room while four senders send signals": then,
      "signal copies a second in the large room": (received * sockets) / seconds,
    },
    atMost: {
      "ms p50 in the large room while four senders send signals": context.size(
        slowest(before),
        Infinity,
      ),
      "signal copies a second in the large room": 1.5 * COPIES_PER_SECOND,
    },
  };
};

/**
 * Makes users enter one room, at most 20 at the same time. The room sends each change to every user
 * who has entered.
 */
export const members: Attack = async ({ context, runtime }) => {
  const room = new Room(runtime, "entering");
  const users = context.size(1_200, 150);
  const sockets = await openAll(users, async (i) => {
    const can = authorized(`user${i}`, ["subscribe", "presence"]);
    const socket = await join(runtime, eventsOf(room.name), can);
    socket.send(JSON.stringify({ type: "enter", data: { name: `user ${i}` } }));
    return socket;
  });
  await sleep(2_000);
  const bytes = sockets.reduce((sum, each) => sum + each.receivedBytes, 0);
  const entered = (await room.members()).length;
  end(sockets);
  return {
    injected: { "users that enter one room": users },
    observed: {
      "users that entered": entered,
      "MB sent to these users as they entered": bytes / 1e6,
    },
    atMost: { "users that entered": 1_000 },
  };
};

/**
 * Opens as many sockets of one user as the room accepts in total. Other users must still be able to
 * join.
 */
export const socketsOfOneUser: Attack = async ({ runtime }) => {
  const can = authorized("squatter", ["subscribe"]);
  const sockets = await openAll(ROOM_SOCKETS, () =>
    RawSocket.open(runtime.url, eventsOf("crowded"), can),
  );
  const { sessions } = await new Room(runtime, "crowded").stats();
  const other = await RawSocket.open(
    runtime.url,
    eventsOf("crowded"),
    authorized("other", ["subscribe"]),
  );
  const rejected = await other.until("welcome").then(
    () => 0,
    () => 1,
  );
  end([...sockets, other]);
  return {
    injected: { "sockets of one user in one room": ROOM_SOCKETS },
    observed: { "sockets of one user that joined": sessions, "other users rejected": rejected },
    atMost: { "sockets of one user that joined": 1_000, "other users rejected": 0 },
  };
};

/** The socket limit of the room. This limit is higher than the limit of sockets for one user. */
export const ROOM_SOCKETS = 1_050;
