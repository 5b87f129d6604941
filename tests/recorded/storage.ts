/** Rooms that use every stored feature, and what a client reads from them. */
import { mkdir, readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Socket } from "../edge/client.ts";
import { Room, tokenOf } from "../edge/room.ts";
import { Runtime } from "../edge/runtime.ts";

/** Settings of the recorded rooms, whose events are retained for as long as possible. */
export const SETTINGS = {
  "*": { retained_ms: 365 * 24 * 3_600_000 },
  wrapped: { retained_appends: 4 },
  emptied: { retained_appends: 8, retained_bytes: 12_000 },
};

/** A room as its clients must see it, also after an upgrade. */
export interface StoredRoom {
  room: string;
  epoch: string;
  head: number;
  /** Seq of the oldest event that a client can receive. */
  oldest: number;
  bytes: number;
  /** All retained events. */
  events: any[];
  /** Latest event of each key. */
  state: any[];
}

const event = (n: number, more: object = {}) => ({ name: "n", data: n, id: `id-${n}`, ...more });

/** Fills rooms by the name of the feature that they use. */
const ROOMS: Record<string, (room: Room) => Promise<void>> = {
  /** The ring has wrapped, and the state has a key that is older than the log. */
  async wrapped(room) {
    await room.publish(event(1, { key: "old", data: { é: [1, "ü", null] } }));
    await room.publish({ events: [event(2), event(3, { key: "removed" }), event(4)] });
    await room.publish(event(5, { key: "removed", data: null }));
    await room.publish(event(6, { key: "new" }));
    await room.publish({ name: "n", data: 1.5e300 });
    await room.publish({ events: [event(8), event(9, { key: "new" })] });
    await room.publish(event(10));
  },
  /** Events beyond `retained_bytes` are removed, and their rows are empty. */
  async emptied(room) {
    for (let n = 1; n <= 4; n++) await room.publish(event(n, { data: "x".repeat(3_500) }));
    await room.publish(event(5, { data: "y".repeat(10_000) }));
    await room.publish(event(6));
  },
  /** The index of the ids has several levels, in one row and across rows. */
  async ids(room) {
    await room.publish({ events: Array.from({ length: 300 }, (_, index) => event(index + 1)) });
    for (let n = 301; n <= 305; n++) await room.publish(event(n));
  },
  /** A client has connected, and nothing was published. */
  async empty(room) {
    const socket = await Socket.open(`${room.url}/events`, { token: tokenOf("a", ["subscribe"]) });
    await socket.until("welcome");
    socket.close();
    await room.waitForSessions(0);
  },
};

/** Writes the rooms' storage into a folder, and returns the rooms. */
export async function recordStorage(folder: string): Promise<StoredRoom[]> {
  await mkdir(folder);
  const runtime = await Runtime.start({ storage: folder, settings: SETTINGS });
  const rooms: StoredRoom[] = [];
  for (const [name, fill] of Object.entries(ROOMS)) {
    const room = new Room(runtime, name);
    await fill(room);
    rooms.push(await read(room));
  }
  await runtime.kill();
  const [first] = await runtime.databases();
  const files = await readdir(dirname(first!));
  for (const file of files) if (file.endsWith(".sqlite")) compact(join(dirname(first!), file));
  await runtime.stop();
  return rooms;
}

/** Reads what clients see of a room. */
export async function read(room: Room): Promise<StoredRoom> {
  const { epoch, head, oldest, bytes } = await room.stats();
  const { events } = await room.page(`since=${epoch}:${oldest - 1}&limit=1000`);
  const { events: state } = await room.state();
  return { room: room.name, epoch, head, oldest, bytes, events, state };
}

/** Moves a database into one file that is as small as possible. */
function compact(file: string): void {
  const database = new DatabaseSync(file);
  database.exec("PRAGMA wal_checkpoint(TRUNCATE); VACUUM");
  database.close();
}
