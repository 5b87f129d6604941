/**
 * Runs this version on the storage of earlier versions (`tests/recorded/README.md`), as after an upgrade.
 * A client must not see that the room was written by an earlier version.
 */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { type TestContext, describe, test } from "node:test";
import { type Frame, Socket } from "./client.ts";
import { Room, tokenOf } from "./room.ts";
import { Runtime } from "./runtime.ts";
import { SETTINGS, type StoredRoom, read } from "../recorded/storage.ts";
import { alarmIn, copyOfStorage, recorded, roomIn, versions } from "../recorded/versions.ts";

/** Age of the newest append when the upgraded version starts. */
const AGE_MS = 60_000;
const YEAR_MS = 365 * 24 * 3_600_000;
/** Maximum time until a runtime that starts has fired an alarm of the past. */
const RINGS_WITHIN_MS = 30_000;

const alice = tokenOf("backend", ["subscribe", "publish"]);

for (const version of await versions()) {
  describe(`storage of ${version}`, { concurrency: true }, () => {
    test("has the same events, state and positions, also after a crash", async (t) => {
      const { runtime, rooms } = await upgraded(t, version);
      for (const stored of rooms) assert.deepEqual(await readAt(runtime, stored), stored);
      await runtime.kill();
      await runtime.restart();
      for (const stored of rooms) assert.deepEqual(await readAt(runtime, stored), stored);
    });

    test("lets a client resume without loss, and continues with the next seq", async (t) => {
      const { runtime, rooms } = await upgraded(t, version);
      for (const { room: name, epoch, head, oldest, events } of rooms) {
        const room = new Room(runtime, name);
        for (const seq of new Set([oldest - 1, Math.floor((oldest + head) / 2), head])) {
          const socket = await resume(room, `${epoch}:${seq}`);
          assert.equal((await socket.next()).recovered, true, name);
          const missed = events.filter((event) => event.seq > seq);
          assert.deepEqual(await receive(socket, missed.length), missed, `${name} from ${seq}`);
          socket.close();
        }
        const live = await resume(room, `${epoch}:${head}`);
        await live.until("welcome");
        assert.deepEqual(await room.publish({ name: "new", data: 1 }), [head + 1]);
        const { prev, events: published } = await live.next();
        assert.deepEqual([prev, published[0].seq], [head, head + 1]);
        live.close();
      }
    });

    test("sends a gap for a position that was lost", async (t) => {
      const { runtime, rooms } = await upgraded(t, version);
      const lost = rooms.filter(({ oldest }) => oldest > 1);
      assert(lost.length >= 2, "the recording has rooms that lost events in both ways");
      for (const { room: name, epoch, head, oldest, state } of lost) {
        const socket = await resume(new Room(runtime, name), `${epoch}:${oldest - 2}`, "1");
        assert.equal((await socket.next()).recovered, false);
        const gap = await socket.next();
        assert.deepEqual([gap.type, gap.oldest, gap.seq], ["gap", oldest, head]);
        // A room without keys sends no `state` frame.
        if (state.length > 0) assert.deepEqual((await socket.next()).events, state);
        socket.close();
      }
    });

    test("counts each id once", async (t) => {
      const { runtime, rooms } = await upgraded(t, version);
      for (const { room: name, epoch, head, events } of rooms) {
        const room = new Room(runtime, name);
        for (const { seq, name, data, id, key } of events)
          if (id) assert.deepEqual(await room.publish({ name, data, id, key }), [seq], id);
        assert.equal(await room.position(), `${epoch}:${head}`, "nothing was published");
      }
      await new Room(runtime, "ids").publish({ name: "new", data: 1, id: "new" });
      await runtime.kill();
      const file = (await runtime.databases()).find((file) => roomIn(file) === "ids");
      assert(newestIndexBytes(file!) < 1_000, "the index is used, and not built again");
    });

    test("is used with other settings", async (t) => {
      const settings = { "*": { ...SETTINGS["*"], retained_appends: 3 } };
      const { runtime, rooms } = await upgraded(t, version, { settings });
      for (const { room: name, epoch, head, events, state } of rooms) {
        const room = new Room(runtime, name);
        const kept = await read(room);
        assert.deepEqual([kept.epoch, kept.head, kept.state], [epoch, head, state]);
        assert(head === 0 || (kept.oldest > head - 5 && kept.events.length > 0));
        assert.deepEqual(
          kept.events,
          events.filter(({ seq }) => seq >= kept.oldest),
        );
        const last = events.findLast(({ id }) => id);
        if (last) assert.deepEqual(await room.publish(last), [last.seq]);
        assert.deepEqual(await room.publish({ name: "new", data: 1 }), [head + 1]);
      }
    });

    test("keeps its alarms", async (t) => {
      const { runtime, rooms } = await upgraded(t, version);
      const alarms = await alarmsOf(runtime);
      assert.equal(alarms.size, rooms.length);
      await runtime.restart();
      for (const stored of rooms) assert.deepEqual(await readAt(runtime, stored), stored);
      assert.deepEqual(await alarmsOf(runtime), alarms);
    });

    test("is erased by an alarm when it is unused for too long", async (t) => {
      const { runtime, rooms } = await upgraded(t, version, { ageMs: YEAR_MS + AGE_MS });
      for (const { room: name, epoch } of rooms) {
        await runtime.evictOnceLoaded(name, RINGS_WITHIN_MS);
        const { epoch: next, head } = await new Room(runtime, name).stats();
        assert.notEqual(next, epoch);
        assert.equal(head, 0);
      }
    });
  });
}

interface Upgraded {
  runtime: Runtime;
  rooms: StoredRoom[];
}

/** Starts this version on a copy of an earlier version's storage. */
async function upgraded(
  t: TestContext,
  version: string,
  { settings = SETTINGS, ageMs = AGE_MS }: { settings?: object; ageMs?: number } = {},
): Promise<Upgraded> {
  const storage = await copyOfStorage(t, version, ageMs);
  const runtime = await Runtime.start({ storage, settings: { ...settings } });
  t.after(() => runtime.stop());
  return { runtime, rooms: await recorded<StoredRoom[]>(version, "rooms.json") };
}

const readAt = (runtime: Runtime, { room }: StoredRoom): Promise<StoredRoom> =>
  read(new Room(runtime, room));

const resume = (room: Room, position: string, state = "0"): Promise<Socket> =>
  Socket.open(`${room.url}/events`, { token: alice, query: `since=${position}&state=${state}` });

/** Receives this number of events, whose frames follow each other without a hole. */
async function receive(socket: Socket, count: number): Promise<unknown[]> {
  const events: unknown[] = [];
  let last: Frame | undefined;
  while (events.length < count) {
    const frame = await socket.until("events");
    if (last) assert.equal(frame.prev, last.events.at(-1).seq);
    events.push(...frame.events);
    last = frame;
  }
  return events;
}

/** Returns the size of the newest append's part of the index of ids. */
function newestIndexBytes(file: string): number {
  const database = new DatabaseSync(file, { readOnly: true });
  const newest = "SELECT length(ids) AS bytes FROM log ORDER BY number DESC LIMIT 1";
  const { bytes } = database.prepare(newest).get()!;
  database.close();
  return Number(bytes);
}

/** Kills the process, and returns the time of the alarm of each room. */
async function alarmsOf(runtime: Runtime): Promise<Map<string, number | undefined>> {
  await runtime.kill();
  const files = await runtime.databases();
  return new Map(files.map((file) => [roomIn(file), alarmIn(file)]));
}
