/** Rows that are not as they were written, on the real SQLite. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { type TestContext, describe, test } from "node:test";
import { Room } from "./room.ts";

describe("a damaged row", () => {
  test("is an error for who reads it, and nothing to anybody else", async (t) => {
    const room = await damaged(t, "UPDATE log SET events = substr(events, 2) WHERE number = 1");
    const { epoch } = await room.figures();
    await assert.rejects(room.page(`since=${epoch}:0`), /500 .*"internal"/);
    assert.equal((await room.page(`since=${epoch}:2`)).events.length, 3);
    assert.deepEqual(await room.publish({ name: "n", data: 6 }), [6]);
  });

  test("that leaves no telling which is the newest ends in an erase", async (t) => {
    const room = await damaged(t, "DELETE FROM log WHERE number = 0");
    await assert.rejects(room.figures(), /500 .*"internal"/);
    await assert.rejects(room.publish({ name: "n", data: 6 }), /500 .*"internal"/);
    await room.erase();
    assert.deepEqual(await room.publish({ name: "n", data: 1 }), [1]);
  });
});

/** A room of five events, one in each append, and what became of its rows. */
async function damaged(t: TestContext, how: string): Promise<Room> {
  const room = await Room.of(t);
  for (let data = 1; data <= 5; data++) await room.publish({ name: "n", data });
  await room.runtime.kill();
  const [file, ...others] = await room.runtime.databases();
  assert(file !== undefined && others.length === 0, "one room, one file");
  const database = new DatabaseSync(file);
  assert.equal(database.prepare(how).run().changes, 1);
  database.close();
  await room.runtime.restart();
  return room;
}
