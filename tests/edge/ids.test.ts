/**
 * Tests the index of ids on the real SQLite, including rooms that an earlier version wrote without
 * an index.
 */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { type TestContext, describe, test } from "node:test";
import { Room } from "./room.ts";

const event = (id: number) => ({ name: "n", data: id, id: `i${id}` });
const batch = (from: number, to: number) => ({
  events: Array.from({ length: to - from }, (_, index) => event(from + index)),
});

describe("an id counts once", () => {
  test("also after a wake, for single events and for a batch, at one row per publish", async (t) => {
    const room = await filled(t);
    await room.runtime.evict(room.name);
    assert.deepEqual(await room.publish(event(2_001)), [2_001]);
    assert.deepEqual(await room.publish(event(7)), [7]);
    assert.deepEqual(await room.publish(event(1_234)), [1_234]);
    assert.deepEqual(
      await room.publish(batch(1_990, 2_004)),
      [
        1_990, 1_991, 1_992, 1_993, 1_994, 1_995, 1_996, 1_997, 1_998, 1_999, 2_000, 2_001, 2_002,
        2_003,
      ],
    );
    assert.equal((await room.stats()).rows_written, 2);
  });

  test("also in a room that a version without the index has written", async (t) => {
    const room = await filled(t);
    await withDatabase(room, (database) => database.exec("ALTER TABLE log DROP COLUMN ids"));
    assert.deepEqual(await room.publish(event(1)), [1]);
    assert.deepEqual(await room.publish(event(2_001)), [2_001]);
    await room.runtime.evict(room.name);
    assert.deepEqual(await room.publish(event(2_001)), [2_001]);
    assert.deepEqual(await room.publish(batch(500, 503)), [500, 501, 502]);
    await withDatabase(room, (database) => {
      const row = database
        .prepare("SELECT length(ids) AS bytes FROM log ORDER BY number DESC")
        .get();
      assert(Number(row?.bytes) > 2_000 * 17, "the next publish has indexed all ids");
    });
  });

  test("also after the size of the ring changes, as long as its event is retained", async (t) => {
    const room = await filled(t);
    await room.runtime.deploy({ settings: { "*": { retained_appends: 5 } } });
    assert.deepEqual(await room.publish(event(1_999)), [1_999]);
    assert.deepEqual(await room.publish(event(1_000)), [2_001], "the id is no longer retained");
    assert.deepEqual(await room.publish(event(1_000)), [2_001]);
  });
});

/**
 * Creates a room of 2,000 events with ids: the first 1,000 in one publish, the next 1,000 in ten
 * publishes.
 */
async function filled(t: TestContext): Promise<Room> {
  const room = await Room.of(t);
  await room.publish(batch(1, 1_001));
  for (let from = 1_001; from < 2_001; from += 100) await room.publish(batch(from, from + 100));
  return room;
}

async function withDatabase(room: Room, act: (database: DatabaseSync) => void): Promise<void> {
  await room.runtime.kill();
  const [file, ...others] = await room.runtime.databases();
  assert(file !== undefined && others.length === 0, "there is one room, so one file");
  const database = new DatabaseSync(file);
  act(database);
  database.close();
  await room.runtime.restart();
}
