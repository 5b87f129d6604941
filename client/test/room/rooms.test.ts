/** Tests of the rooms that a client retains. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Room } from "../../src/index.ts";
import { Rooms } from "../../src/room/rooms.ts";
import { advance, settle } from "../model/network.ts";
import { clientOf, describeBoth, network, server } from "../fixture.ts";

setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc") as () => void;

/** Returns the number of rooms that are not yet garbage-collected. */
async function countAlive(rooms: readonly WeakRef<object>[]): Promise<number> {
  // A `WeakRef` retains its target until the end of the current task.
  await settle();
  gc();
  return rooms.filter((room) => room.deref() !== undefined).length;
}

const NAMES = Array.from({ length: 10_000 }, (_, n) => `room-${n}`);

describe("of 10,000 names", () => {
  it("a hundred rooms are retained if each was requested once", () => {
    const rooms = new Rooms((name) => ({ name }));
    for (const name of NAMES) rooms.get(name);
    assert.equal(rooms.all.size, 100);
    const last = rooms.get("room-9999");
    assert.equal(rooms.get("room-9999"), last);
  });

  it("only these rooms remain in memory, and no part of another room", async () => {
    const client = clientOf();
    const made = NAMES.map((name) => new WeakRef(client.room(name)));
    assert.ok((await countAlive(made)) <= 110);
    assert.ok(client);
  });
});

describeBoth("rooms that were used once", () => {
  it("are released after they have left", async () => {
    const client = clientOf();
    const made: WeakRef<Room>[] = [];
    for (let n = 0; n < 300; n++) {
      const room = client.room(`room-${n}`);
      made.push(new WeakRef(room));
      const stop = room.on(() => {});
      void room.publish("a", n);
      await advance(50);
      stop();
    }
    await advance(10_000);
    assert.equal(network.connections.size, 0);
    assert.ok((await countAlive(made)) <= 110);
    assert.equal([...server.rooms.values()].filter(({ head }) => head === 1).length, 300);
    assert.ok(client);
  });
});

describeBoth("a room", () => {
  const evictUnused = (client: ReturnType<typeof clientOf>): void => {
    for (const name of NAMES.slice(0, 200)) client.room(name);
  };

  it("is one object while it is used, and for three seconds after", async () => {
    const client = clientOf();
    const room = client.room("room");
    const stop = room.subscribe(() => {});
    evictUnused(client);
    assert.equal(client.room("room"), room);
    stop();
    evictUnused(client);
    assert.equal(client.room("room"), room);
    await advance(3_100);
    evictUnused(client);
    assert.notEqual(client.room("room"), room);
  });

  it("is found by its name if it is used after it was evicted", () => {
    const client = clientOf();
    const room = client.room("room");
    evictUnused(client);
    room.on(() => {});
    assert.equal(client.room("room"), room);
  });

  it("works next to another room object with the same name, and receives the client's commands", async () => {
    const client = clientOf();
    const first = client.room("room");
    evictUnused(client);
    const second = client.room("room");
    assert.notEqual(first, second);
    const received: unknown[] = [];
    for (const room of [first, second]) room.on((data) => received.push(data));
    await advance(100);
    const sent = [first.publish("a", 1), second.publish("a", 2)];
    await advance(100);
    assert.deepEqual((await Promise.all(sent)).sort(), [1, 2]);
    assert.deepEqual(received.sort(), [1, 1, 2, 2]);
    client.close();
    assert.deepEqual([first.status, second.status], ["closed", "closed"]);
  });

  it("is closed with its client, even if it was evicted and is used later", () => {
    const client = clientOf();
    const room = client.room("room");
    evictUnused(client);
    client.close();
    room.on(() => {});
    assert.equal(room.status, "closed");
    assert.equal(client.room("new").status, "closed");
  });
});

describe("rooms in use", () => {
  it("are all retained, and the oldest unused room is evicted first", () => {
    const rooms = new Rooms((name) => ({ name }));
    const used = NAMES.slice(0, 500).map((name) => rooms.get(name));
    // By now, all rooms except the last hundred are evicted. They are retained again when they are
    // used.
    used.forEach((room) => rooms.use(room));
    assert.equal(rooms.all.size, 500);
    const [first] = used;
    rooms.release(first!);
    for (const name of NAMES.slice(1_000, 1_099)) rooms.get(name);
    assert.equal(rooms.get("room-0"), first);
    rooms.get("one more");
    assert.notEqual(rooms.get("room-0"), first);
    assert.equal(rooms.all.size, 499 + 100);
  });
});
