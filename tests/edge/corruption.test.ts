/** Tests how a room handles rows that were changed from outside the worker, on the real SQLite. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { type TestContext, describe, test } from "node:test";
import { Socket } from "./client.ts";
import { Room, tokenOf } from "./room.ts";

describe("a corrupted row", () => {
  test("fails the requests that read it, and no other request", async (t) => {
    const room = await corrupted(t, "UPDATE log SET events = substr(events, 2) WHERE number = 1");
    const { epoch } = await room.stats();
    await assert.rejects(room.page(`since=${epoch}:0`), /500 .*"internal"/);
    assert.equal((await room.page(`since=${epoch}:2`)).events.length, 3);
    assert.deepEqual(await room.publish({ name: "n", data: 6 }), [6]);
  });

  test("that makes the newest seq unknown fails requests until the room is erased", async (t) => {
    const room = await corrupted(t, "DELETE FROM log WHERE number = 0");
    await assert.rejects(room.stats(), /500 .*"internal"/);
    await assert.rejects(room.publish({ name: "n", data: 6 }), /500 .*"internal"/);
    await room.erase();
    assert.deepEqual(await room.publish({ name: "n", data: 1 }), [1]);
  });
});

describe("a room that can't be loaded", () => {
  test("closes the socket whose frame is lost, and all sockets whose lists contain its member", async (t) => {
    const room = await Room.of(t);
    await room.publish({ name: "n", data: 1 });
    const sockets: Socket[] = [];
    for (const user of ["ann", "ben", "cat"]) {
      const token = tokenOf(user, ["subscribe", "publish", "presence"]);
      const socket = await Socket.open(`${room.url}/events`, { token });
      await socket.until("welcome");
      socket.send({ type: "enter", data: 0 });
      await socket.until("members");
      for (const other of sockets) await other.until("members:changed");
      sockets.push(socket);
    }
    const [ann, ben, cat] = sockets as [Socket, Socket, Socket];
    await room.runtime.evict("r");
    const [file] = await room.runtime.databases();
    const database = new DatabaseSync(file!, { timeout: 10_000 });
    database.exec("UPDATE room SET schema = 1000");
    database.close();
    ann.send({ type: "publish", name: "n", data: 2 });
    assert.equal((await ann.closed()).code, 1011);
    assert.equal((await ben.closed()).code, 1012);
    assert.equal((await cat.closed()).code, 1012);
  });
});

/** Creates a room with five appends of one event each, then runs a SQL statement on its rows. */
async function corrupted(t: TestContext, statement: string): Promise<Room> {
  const room = await Room.of(t);
  for (let data = 1; data <= 5; data++) await room.publish({ name: "n", data });
  await room.runtime.kill();
  const [file, ...others] = await room.runtime.databases();
  assert(file !== undefined && others.length === 0, "there is one room, so one file");
  const database = new DatabaseSync(file);
  assert.equal(database.prepare(statement).run().changes, 1);
  database.close();
  await room.runtime.restart();
  return room;
}
