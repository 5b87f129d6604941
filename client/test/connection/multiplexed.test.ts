/** Tests of multiplexed connections, in virtual time. */
import assert from "node:assert/strict";
import { describe, it, mock } from "node:test";
import type { Room } from "../../src/index.ts";
import { fetchFrom } from "../model/http.ts";
import { advance } from "../model/network.ts";
import { tokenFor } from "../model/claims.ts";
import { clientOf, codeOf, cutAll, HOUR, network, server } from "../fixture.ts";

const publishIn = (room: string, data: unknown = 1): void =>
  void server.room(room).append([{ name: "a", data }], "backend", Date.now());

const nameOf = (n: number): string => `room-${n}`;

/** Listens to rooms, and records the data that each room receives. */
function follow(count: number, client = clientOf()): { rooms: Room[]; received: unknown[][] } {
  const rooms = Array.from({ length: count }, (_, n) => client.room(nameOf(n)));
  const received = rooms.map((room) => {
    const data: unknown[] = [];
    room.on((each) => data.push(each));
    return data;
  });
  return { rooms, received };
}

const statusesOf = (rooms: Room[]): Set<string> => new Set(rooms.map(({ status }) => status));

const endSession = (room: string, code: number): void => {
  const { sessions } = server.room(room);
  for (const session of sessions) server.room(room).end(session, code);
};

describe("one socket", () => {
  it("carries a hundred rooms, and a further socket carries the other rooms", async () => {
    const { rooms, received } = follow(250);
    await advance(10_000);
    assert.deepEqual(statusesOf(rooms), new Set(["connected"]));
    assert.equal(network.dialled, 3);
    rooms.forEach(({ name }) => publishIn(name, name));
    await advance(100);
    assert.deepEqual(
      received,
      rooms.map(({ name }) => [name]),
    );
    assert.deepEqual(server.errors, []);
  });

  it("subscribes within the server's rate limit, also after a reconnect", async () => {
    const { rooms } = follow(100);
    await advance(5_000);
    for (let n = 0; n < 5; n++) {
      cutAll();
      await advance(60_000);
      assert.deepEqual(statusesOf(rooms), new Set(["connected"]));
    }
    assert.deepEqual(server.errors, []);
  });

  it("subscribes to its rooms immediately after a quick reconnect", async () => {
    const client = clientOf();
    const { rooms } = follow(80, client);
    for (let n = 0; n < 5; n++) {
      client.reconnect();
      await advance(100);
      assert.deepEqual(statusesOf(rooms), new Set(["connected"]));
    }
    assert.deepEqual(server.errors, []);
  });

  it("subscribes to further rooms while one room waits after `rate_limited`", async () => {
    const client = clientOf();
    follow(1, client);
    await advance(100);
    const error = { type: "error", room: "room-0", code: "rate_limited", message: "Too fast." };
    for (const { peer } of server.room("room-0").sessions) {
      peer.send({ ...error, retry_after_ms: 60_000 });
    }
    await advance(100);
    const { rooms } = follow(5, client);
    await advance(100);
    assert.deepEqual(statusesOf(rooms), new Set(["connected"]));
  });

  it("adapts to the lower rate limit of another server", async () => {
    const { rooms } = follow(20);
    await advance(8, 1);
    server.badRequestsInARow = Infinity;
    // Uses up the connection's rate limit before the rooms subscribe.
    const [connection] = network.connections;
    for (let n = 0; n < 95; n++)
      connection!.send(JSON.stringify({ type: "unsubscribe", room: "x" }));
    await advance(4_000);
    const limited = (server.errors as { code: string }[]).filter(
      ({ code }) => code === "rate_limited",
    );
    assert.ok(limited.length > 0 && limited.length < 20, `${limited.length} refused`);
    assert.deepEqual(statusesOf(rooms), new Set(["connected"]));
  });

  it("stays open while rooms are joined and left, and closes after the last", async () => {
    const client = clientOf();
    const stop = client.room("stays").on(() => {});
    for (let n = 0; n < 30; n++) {
      const stop = client.room(nameOf(n % 7)).on(() => {});
      await advance(1_500);
      stop();
    }
    await advance(10_000);
    assert.equal(network.dialled, 1);
    assert.deepEqual(
      [...server.rooms.values()].map(({ sessions }) => sessions.size),
      [1, ...Array(7).fill(0)],
    );
    stop();
    await advance(7_000);
    assert.equal(network.connections.size, 0);
    client.room("stays").on(() => {});
    await advance(100);
    assert.equal(client.room("stays").status, "connected");
    assert.equal(network.dialled, 2);
  });

  it("accepts new rooms after others have left", async () => {
    const client = clientOf();
    for (let n = 0; n < 300; n++) {
      const stop = client.room(nameOf(n)).on(() => {});
      await advance(100);
      stop();
    }
    assert.equal(network.dialled, 1);
    assert.deepEqual(server.errors, []);
  });
});

describe("a room that is left and joined again soon", () => {
  for (const awayMs of [3_000, 3_005, 3_010, 3_020, 3_100]) {
    it(`is joined again exactly once after ${awayMs} ms`, async () => {
      server.lag = () => 5;
      const client = clientOf();
      const room = client.room("room");
      client.room("other").on(() => {});
      const stop = room.on(() => {});
      await advance(200);
      stop();
      await advance(awayMs, 5);
      const received: unknown[] = [];
      room.on((data) => received.push(data));
      await advance(200);
      publishIn("room", "again");
      await advance(200);
      assert.deepEqual([room.status, received], ["connected", ["again"]]);
      assert.equal(server.room("room").sessions.size, 1);
      assert.deepEqual(server.errors, []);
    });
  }
});

describe("a room that ends", () => {
  it("does not end the other rooms", async () => {
    const { rooms, received } = follow(4);
    await advance(200);
    endSession("room-0", 4010);
    server.room("room-1").erase();
    endSession("room-2", 1012);
    await advance(12, 1);
    const statuses = rooms.map(({ connection: { status, reason } }) => [status, reason]);
    assert.deepEqual(statuses, [
      ["closed", "kicked"],
      ["closed", "erased"],
      ["reconnecting", "restarting"],
      ["connected", undefined],
    ]);
    rooms.forEach(({ name }) => publishIn(name, name));
    await advance(3_000);
    assert.deepEqual(received, [[], [], ["room-2"], ["room-3"]]);
    assert.equal(network.dialled, 1);
  });

  it("is retried at its time, even if a timer fires slightly early", async () => {
    const { rooms } = follow(20);
    await advance(200);
    for (const { name } of rooms) endSession(name, 1012);
    await advance(2_000, 1);
    assert.deepEqual(statusesOf(rooms), new Set(["connected"]));
  });

  it("is refused alone if the token does not grant it", async () => {
    const token = () => tokenFor("alice", Date.now() + HOUR, ["subscribe"], ["room-1"]);
    const { rooms } = follow(2, clientOf({ token }));
    await advance(200);
    assert.deepEqual(
      rooms.map(({ status }) => status),
      ["forbidden", "connected"],
    );
    assert.equal(server.room("room-0").sessions.size, 0);
  });

  it("is restarted by `reconnect`, with a new token", async () => {
    let granted = ["room-1"];
    const token = mock.fn(() => tokenFor("alice", Date.now() + HOUR, ["subscribe"], granted));
    const client = clientOf({ token });
    const { rooms } = follow(2, client);
    await advance(200);
    endSession("room-1", 4010);
    // No room uses the connection any more, so it closes. `reconnect` must work also after this
    // close.
    await advance(10_000);
    assert.equal(network.connections.size, 0);
    granted = ["room-0", "room-1"];
    client.reconnect();
    await advance(200);
    assert.deepEqual(statusesOf(rooms), new Set(["connected"]));
    assert.equal(token.mock.callCount(), 2);
  });

  it("sends its publishes again, and each is stored once", async () => {
    server.lag = () => 20;
    const [room] = follow(2).rooms;
    await advance(500);
    const first = room!.publish("a", 1);
    await advance(7, 1);
    assert.equal(server.room("room-0").events.length, 1);
    endSession("room-0", 1012);
    const second = room!.publish("a", 2);
    await advance(3_000);
    assert.deepEqual(await Promise.all([first, second]), [1, 2]);
    assert.equal(server.room("room-0").events.length, 2);
    assert.equal(network.dialled, 1);
  });

  it("rejects its publishes if the end is final", async () => {
    const [room] = follow(2).rooms;
    await advance(200);
    endSession("room-0", 4010);
    const code = codeOf(room!.publish("a", 1));
    await advance(100);
    assert.equal(await code, "kicked");
  });
});

describe("a room whose name the server rejects", () => {
  for (const [count, isRefused] of [
    [1, (n: number) => n === 0],
    [25, (n: number) => n < 25],
    [25, (n: number) => n % 2 === 0],
  ] as const) {
    it(`ends permanently, and no other room ends: ${count}, ${isRefused}`, async () => {
      server.isRoomName = (name) => !isRefused(Number(name.slice("room-".length)));
      const errors: string[] = [];
      const { rooms } = follow(30, clientOf({ onError: ({ code }) => errors.push(code) }));
      await advance(10_000);
      const statuses = rooms.map(({ connection: { status, reason } }) => [status, reason]);
      assert.deepEqual(
        statuses,
        rooms.map((_, n) => (isRefused(n) ? ["closed", "bad_request"] : ["connected", undefined])),
      );
      const refused = rooms.filter((_, n) => isRefused(n));
      assert.deepEqual(
        errors,
        refused.map(() => "bad_request"),
      );
      const { length } = server.errors;
      cutAll();
      await advance(HOUR, 1_000);
      assert.equal(server.errors.length, length, "not requested again");
      assert.equal(rooms[29]!.status, "connected");
    });
  }
});

describe("a missing event in one room", () => {
  it("makes that room resume from its position, and leaves the others connected", async () => {
    const { rooms, received } = follow(2);
    await advance(200);
    let dropped = 0;
    network.copies = (frame) => {
      const { type, room } = frame as { type: string; room?: string };
      return type === "events" && room === "room-0" && dropped++ === 0 ? 0 : 1;
    };
    const left = mock.fn();
    rooms[1]!.subscribe(() => rooms[1]!.status !== "connected" && left());
    for (let n = 0; n < 3; n++) rooms.forEach(({ name }) => publishIn(name, n));
    await advance(3_000);
    const all = [0, 1, 2];
    assert.deepEqual(received, [all, all]);
    assert.equal(network.dialled, 1);
    assert.equal(left.mock.callCount(), 0);
  });
});

describe("tokens", () => {
  it("are renewed once for all rooms, and end rooms that they no longer grant", async () => {
    let granted = ["room-0", "room-1"];
    const token = mock.fn(() => tokenFor("alice", Date.now() + 60_000, ["subscribe"], granted));
    const { rooms, received } = follow(2, clientOf({ token }));
    await advance(200);
    granted = ["room-1"];
    await advance(58_000, 100);
    assert.equal(token.mock.callCount(), 2);
    assert.deepEqual(
      rooms.map(({ status }) => status),
      ["forbidden", "connected"],
    );
    network.connections.forEach((connection) => connection.expire());
    publishIn("room-1");
    await advance(200);
    assert.deepEqual(received, [[], [1]]);
    assert.equal(network.dialled, 1);
  });

  it("that are rejected leave every room unauthorized until `reconnect`", async () => {
    let token = "x.e30.x";
    const client = clientOf({ token: () => token });
    const { rooms } = follow(3, client);
    await advance(500);
    assert.deepEqual(statusesOf(rooms), new Set(["unauthorized"]));
    token = tokenFor("alice", Date.now() + HOUR);
    client.reconnect();
    await advance(500);
    assert.deepEqual(statusesOf(rooms), new Set(["connected"]));
  });
});

describe("an empty state", () => {
  it("is requested only when it is first used, even if that is late", async () => {
    publishIn("room-0");
    const fetch = mock.fn(fetchFrom(server));
    const [room] = follow(1, clientOf({ fetch })).rooms;
    const size = (): number | undefined => room!.state?.size;
    await advance(60_000);
    assert.equal(fetch.mock.callCount(), 0);
    const sizes: unknown[] = [size()];
    room!.subscribe(() => sizes.push(size()));
    await advance(100);
    assert.deepEqual(sizes, [undefined, 0]);
    cutAll();
    await advance(60_000);
    assert.deepEqual([size(), fetch.mock.callCount()], [0, 1], "known after one request");
  });

  it("is requested again after a failure", async () => {
    publishIn("room-0");
    const fetch = mock.fn(fetchFrom(server));
    fetch.mock.mockImplementationOnce(() => Promise.reject(new Error("No network.")));
    const [room] = follow(1, clientOf({ fetch })).rooms;
    room!.listen({ state() {} });
    await advance(1_000);
    assert.deepEqual([room!.state, fetch.mock.callCount()], [undefined, 1]);
    await advance(25_000);
    assert.deepEqual([room!.state?.size, fetch.mock.callCount()], [0, 2]);
  });

  it("is known even if the room has events", async () => {
    publishIn("room-0");
    const [room] = follow(1).rooms;
    const states = mock.fn();
    room!.listen({ state: states });
    await advance(200);
    assert.deepEqual([room!.state?.size, states.mock.callCount()], [0, 1]);
  });

  it("is not assumed while the state is late", async () => {
    server.room("room-0").append([{ name: "a", data: 1, key: "k" }], "backend", 0);
    const lags = [5, 5, 100]; // Lags of `subscribe`, of `welcome` and of the state.
    server.lag = () => lags.shift() ?? 0;
    const [room] = follow(1).rooms;
    const sizes: unknown[] = [];
    room!.listen({ state: () => sizes.push(room!.state!.size) });
    await advance(500);
    assert.deepEqual(sizes, [1]);
  });
});

it("notifies each room of a lost connection", async () => {
  const { rooms } = follow(3);
  await advance(200);
  network.down = true;
  cutAll();
  const [first, ...rest] = rooms.map(({ connection }) => connection);
  assert.deepEqual([first!.status, first!.reason], ["reconnecting", "offline"]);
  assert.ok(first!.retryAt! > Date.now());
  rest.forEach((connection) => assert.deepEqual(connection, first));
});
