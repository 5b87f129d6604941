/** Performs each action of `ACTIONS` on workerd, and counts its billed units. */
import assert from "node:assert/strict";
import { copyFile, cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { Socket } from "../../tests/edge/client.ts";
import { EventStream } from "../../tests/edge/event-stream.ts";
import { HookReceiver } from "../../tests/edge/hook-receiver.ts";
import { Room, tokenOf } from "../../tests/edge/room.ts";
import { Runtime } from "../../tests/edge/runtime.ts";
import { type ActionName, type Units, units } from "./units.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const TOKEN = tokenOf("alice", ["subscribe", "publish"]);
const EVENT = { name: "n", data: 1 };
const EVENT_WITH_ID = { ...EVENT, id: "a" };

/** The number of frames and of earlier publishes in the actions that have several of them. */
const FRAMES = 20;
const EARLIER_PUBLISHES = 100;

/**
 * Prepares the room of an action, and returns the function that performs the action. Only the units
 * of that function are counted.
 */
type Prepare = (room: Room) => Promise<() => Promise<unknown>>;

/** Actions that are measured in their own way. */
type Special = "report" | "webhookSession" | "webhookEvent";

const PREPARE: Record<Exclude<ActionName, Special>, Prepare> = {
  firstAccess: async (room) => () => room.stats(),
  publish: publishing(EVENT),
  batch: publishing({ events: Array(1_000).fill(EVENT) }),
  publishWithId: publishing(EVENT_WITH_ID),
  publishWithKey: publishing({ ...EVENT, key: "k" }),
  async repeatedId(room) {
    await room.publish(EVENT_WITH_ID);
    return () => room.publish(EVENT_WITH_ID);
  },
  async delivery(room) {
    await room.stats();
    const sockets = await Promise.all(Array.from({ length: 10 }, () => openSocket(room)));
    return async () => {
      await room.publish(EVENT);
      for (const socket of sockets) await socket.until("events");
    };
  },
  async publishes(room) {
    const socket = await openSocket(room);
    return async () => {
      for (let ref = 1; ref <= FRAMES; ref++)
        socket.send({ type: "publish", ref: String(ref), ...EVENT });
      await socket.until("ack", ({ ref }) => ref === String(FRAMES));
    };
  },
  async signal(room) {
    await room.stats();
    return () => room.signal("s", 1);
  },
  async signals(room) {
    const [sender, receiver] = [await openSocket(room), await openSocket(room)];
    return async () => {
      for (let data = 1; data <= FRAMES; data++) sender.send({ type: "signal", name: "s", data });
      await receiver.until("signal", ({ data }) => data === FRAMES);
    };
  },
  async firstSocket(room) {
    await room.stats();
    return () => openSocket(room);
  },
  async socket(room) {
    await openSocket(room);
    return () => openSocket(room);
  },
  connection: async (room) => () => openConnection(room.runtime),
  async subscription(room) {
    await openSocket(room);
    const connection = await openConnection(room.runtime);
    return async () => {
      connection.send({ type: "subscribe", room: room.name });
      await connection.until("welcome");
    };
  },
  async stream(room) {
    await openSocket(room);
    return async () => {
      const stream = await EventStream.open(`${room.url}/events`, { token: TOKEN });
      await stream.waitForPosition();
    };
  },
  async renewal(room) {
    const socket = await openSocket(room);
    return async () => {
      socket.send({ type: "auth", token: TOKEN });
      await socket.until("authorized");
    };
  },
  async pings(room) {
    const socket = await openSocket(room);
    await room.runtime.evict(room.name);
    return async () => {
      for (let sent = 1; sent <= FRAMES; sent++) socket.send({ type: "ping" });
      for (let received = 1; received <= FRAMES; received++) await socket.until("pong");
      assert.equal(await room.runtime.evict(room.name), false, "the pings have woken the room");
    };
  },
  async wake(room) {
    await publishEarlier(room);
    await room.runtime.evict(room.name);
    return () => room.stats();
  },
  async resume(room) {
    const { epoch } = await room.stats();
    await openSocket(room);
    await publishEarlier(room);
    await room.runtime.evict(room.name);
    return async () => {
      const socket = await openSocket(room, `since=${epoch}:0`);
      await socket.until("events", ({ events }) => events.at(-1).seq === EARLIER_PUBLISHES);
    };
  },
};

/** Returns the units of each action, counted on workerd. */
export async function measure(): Promise<Record<ActionName, Units>> {
  const root = await meteredWorker();
  const runtime = await Runtime.start({ root });
  try {
    const measured = {} as Record<ActionName, Units>;
    for (const name of Object.keys(PREPARE) as (keyof typeof PREPARE)[]) {
      const perform = await PREPARE[name](new Room(runtime, name));
      const before = await countsOf(runtime, name);
      await perform();
      const after = await countsOf(runtime, name);
      measured[name] = difference(before, after);
    }
    return {
      ...measured,
      report: await measureReport(root),
      ...(await measureWebhooks(root)),
    };
  } finally {
    await runtime.stop();
    await rm(root, { recursive: true });
  }
}

/** Returns the units of a report, which the room sends when its first session joins. */
async function measureReport(root: string): Promise<Units> {
  const runtime = await Runtime.start({ root });
  try {
    const room = new Room(runtime, "r");
    const socket = await openSocket(room);
    // The first report to a shard also creates its table.
    const created = await directoryCounts(runtime, 1);
    socket.close();
    const before = await directoryCounts(runtime, created.requests! + 1);
    await openSocket(room);
    return difference(before, await directoryCounts(runtime, before.requests! + 1));
  } finally {
    await runtime.stop();
  }
}

/** Returns the units of actions in a room with a webhook, with the delivery of their batches. */
async function measureWebhooks(
  root: string,
): Promise<Record<"webhookSession" | "webhookEvent", Units>> {
  const receiver = await HookReceiver.start();
  const runtime = await Runtime.start({ root, ...receiver.options });
  try {
    const room = new Room(runtime, "r");
    await openSocket(room);
    await receiver.until("occupied", () => receiver.notifications.length === 1);
    const start = await settledCounts(runtime, room.name);
    (await openSocket(room)).close();
    await receiver.until("closed", () => receiver.notifications.length === 2);
    const afterSession = await settledCounts(runtime, room.name);
    await room.publish(EVENT);
    await receiver.until("the event", () => receiver.seq === 1);
    const afterEvent = await settledCounts(runtime, room.name);
    return {
      webhookSession: difference(start, afterSession),
      webhookEvent: difference(afterSession, afterEvent),
    };
  } finally {
    await runtime.stop();
    await receiver.close();
  }
}

/** Waits until the room has recorded a delivery, which no client can see, and returns its counts. */
async function settledCounts(runtime: Runtime, room: string): Promise<Partial<Units>> {
  for (;;) {
    const counts = await countsOf(runtime, room);
    await sleep(300);
    if (isDeepStrictEqual(counts, await countsOf(runtime, room))) return counts;
  }
}

/** Waits until the directory has received this number of requests, and returns its counts. */
async function directoryCounts(runtime: Runtime, requests: number): Promise<Partial<Units>> {
  for (;;) {
    const shards = Object.entries(await allCounts(runtime));
    const [, of] = shards.find(([room]) => room.startsWith("directory/")) ?? [];
    if (of?.requests === requests) return of;
    await sleep(20);
  }
}

function difference(before: Partial<Units>, after: Partial<Units>): Units {
  const entries = Object.entries(after) as [keyof Units, number][];
  return units(
    Object.fromEntries(entries.map(([unit, count]) => [unit, count - (before[unit] ?? 0)])),
  );
}

/** Creates a directory with the built worker and `meter.js`, and returns its path. */
export async function meteredWorker(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "roomcast-meter-"));
  await cp(join(ROOT, "build"), join(root, "build"), { recursive: true });
  await copyFile(join(import.meta.dirname, "meter.js"), join(root, "build/meter.js"));
  const wrangler = await readFile(join(ROOT, "wrangler.toml"), "utf8");
  const metered = wrangler.replace('main = "build/index.js"', 'main = "build/meter.js"');
  assert.notEqual(metered, wrangler);
  await writeFile(join(root, "wrangler.toml"), metered);
  return root;
}

/** Returns all counts, by room. The counts of the worker have an empty name. */
export async function allCounts(runtime: Runtime): Promise<Record<string, Partial<Units>>> {
  const answer = await fetch(`${runtime.url}/counts`);
  return (await answer.json()) as Record<string, Partial<Units>>;
}

/** Returns the counts of a room, together with those of the worker. */
async function countsOf(runtime: Runtime, room: string): Promise<Partial<Units>> {
  const counts = await allCounts(runtime);
  return { ...counts[""], ...counts[room] };
}

/** Returns the preparation of a publish to a room that exists. */
function publishing(body: object): Prepare {
  return async (room) => {
    await room.stats();
    return () => room.publish(body);
  };
}

async function publishEarlier(room: Room): Promise<void> {
  for (let sent = 0; sent < EARLIER_PUBLISHES; sent++) await room.publish(EVENT);
}

/** Opens a socket to a room, and waits until it has joined. */
export async function openSocket(room: Room, query?: string): Promise<Socket> {
  const socket = await Socket.open(`${room.url}/events`, { token: TOKEN, query });
  await socket.until("welcome");
  return socket;
}

async function openConnection(runtime: Runtime): Promise<Socket> {
  const connection = await Socket.open(`${runtime.url}/events`, { token: TOKEN });
  await connection.until("connected");
  return connection;
}
