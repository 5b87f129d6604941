/** Tests of a room, in virtual time. */
import assert from "node:assert/strict";
import { it, mock } from "node:test";
import { advance } from "../model/network.ts";
import {
  clientOf,
  codeOf,
  cutAll,
  describeBoth,
  HOUR,
  network,
  publish,
  server,
} from "../fixture.ts";

describeBoth("using a room", () => {
  it("does not connect before the first use", async () => {
    const room = clientOf().room("room");
    await advance(HOUR, HOUR);
    assert.equal(network.dialled, 0);
    assert.equal(room.status, "connecting");
  });

  it("is one object and one socket for all users", async () => {
    const client = clientOf();
    assert.equal(client.room("room"), client.room("room"));
    for (let n = 0; n < 10; n++) client.room("room").on(() => {});
    await advance(100);
    assert.equal(network.dialled, 1);
  });

  it("keeps its socket if one user leaves and another follows", async () => {
    const room = clientOf().room("room");
    for (let n = 0; n < 10; n++) {
      const stop = room.on(() => {});
      await advance(500);
      stop();
      await advance(2_000);
    }
    assert.equal(network.dialled, 1);
  });

  it("closes its socket three seconds after the last user", async () => {
    const room = clientOf().room("room");
    const stops = [room.on(() => {}), room.listen({}), room.subscribe(() => {})];
    await advance(100);
    for (const stop of [...stops, ...stops]) stop();
    await advance(2_900);
    assert.equal(server.room("room").sessions.size, 1);
    await advance(200);
    assert.equal(server.room("room").sessions.size, 0);
    room.on(() => {});
    await advance(100);
    assert.equal(server.room("room").sessions.size, 1, "and opens a socket for the next user");
  });

  it("starts again for a later user", async () => {
    const room = clientOf().room("room");
    room.on(() => {})();
    await advance(5_000);
    publish("missed", 1);
    const received: string[] = [];
    room.on((_, event) => received.push(event.name));
    await advance(100);
    publish("received", 2);
    await advance(100);
    assert.deepEqual(received, ["received"]);
  });

  it("encodes the room's name", async () => {
    clientOf()
      .room("orders:a;b@c,d=e")
      .on(() => {});
    await advance(100);
    assert.deepEqual([...server.rooms.keys()], ["orders:a;b@c,d=e"]);
  });
});

describeBoth("handlers", () => {
  it("receive the events of their name, or all", async () => {
    const room = clientOf().room("room");
    const received: unknown[] = [];
    room.on("a", (data, event) => received.push(["a", data, event.seq]));
    room.on((data, event) => received.push(["any", data, event.from]));
    await advance(100);
    publish("a", 1);
    publish("b", 2);
    await advance(100);
    assert.deepEqual(received, [
      ["a", 1, 1],
      ["any", 1, "backend"],
      ["any", 2, "backend"],
    ]);
  });

  it("may throw without an effect on other handlers", async () => {
    const logged = mock.method(console, "error", () => {});
    const room = clientOf().room("room");
    const received: unknown[] = [];
    room.on(() => {
      throw new Error("mine");
    });
    room.on((data) => received.push(data));
    await advance(100);
    publish("a", 1);
    publish("a", 2);
    await advance(100);
    assert.deepEqual(received, [1, 2]);
    assert.equal(logged.mock.callCount(), 2);
    logged.mock.restore();
  });

  it("that stop themselves receive nothing more, not even from the same frame", async () => {
    const room = clientOf().room("room");
    const received: unknown[] = [];
    const stop = room.on((data) => {
      received.push(data);
      stop();
    });
    await advance(100);
    server.room("room").append(
      [1, 2, 3].map((data) => ({ name: "a", data })),
      "backend",
      0,
    );
    await advance(100);
    assert.deepEqual(received, [1]);
  });

  it("that another handler stops receive nothing more, not even from the same frame", async () => {
    const room = clientOf().room("room");
    const second = mock.fn();
    room.on(() => stop());
    const stop = room.listen({ events: second });
    await advance(100);
    publish("a", 1);
    await advance(100);
    assert.equal(second.mock.callCount(), 0);
  });

  it("that use the same function twice are called twice", async () => {
    const room = clientOf().room("room");
    const handler = mock.fn();
    const listener = { events: mock.fn() };
    const watcher = mock.fn();
    const stops = [room.on(handler), room.on(handler)];
    room.listen(listener);
    room.listen(listener)();
    room.subscribe(watcher);
    room.subscribe(watcher)();
    await advance(100);
    publish("a", 1);
    await advance(100);
    for (const each of [handler, listener.events, watcher]) each.mock.resetCalls();
    stops[0]!();
    publish("a", 2);
    await advance(100);
    assert.equal(handler.mock.callCount(), 1);
    assert.equal(listener.events.mock.callCount(), 1);
    assert.equal(watcher.mock.callCount(), 1);
  });
});

describeBoth("gaps and state", (kind) => {
  /** Records the calls of a listener in order. */
  function record(room = clientOf().room("room")): { room: typeof room; entries: unknown[] } {
    const entries: unknown[] = [];
    room.listen({
      events: (events) => entries.push(events.map(({ seq }) => seq)),
      gap: ({ oldest, seq }) => entries.push(`gap ${oldest} ${seq}`),
      state: () => entries.push([...room.state!].map(([key, { seq }]) => `${key}=${seq}`)),
    });
    return { room, entries };
  }

  it("has the state after the first join", async () => {
    publish("a", 1, "x");
    publish("a", 2, "y");
    publish("a", 3, "x");
    publish("a", 4, "z");
    publish("a", null, "y");
    const { room, entries } = record();
    assert.equal(room.state, undefined);
    await advance(100);
    assert.deepEqual(entries, [["x=3", "z=4"]]);
    publish("a", null, "z");
    publish("a", 7, "w");
    await advance(100);
    assert.deepEqual([...room.state!.keys()], ["x", "w"]);
  });

  it("has an empty state if there is none", async () => {
    const { room, entries } = record();
    await advance(100);
    assert.deepEqual(entries, [[]]);
    assert.equal(room.state!.size, 0);
  });

  it("has an empty state as soon as an event is received", async () => {
    const { entries } = record();
    await advance(kind === "shared" ? 22 : 12); // `welcome` is received, and the pong is not.
    publish("a", 1, "x");
    await advance(100);
    assert.deepEqual(entries, [[], [1]]);
  });

  it("receives a gap, then the state, then later events", async () => {
    server.settings.retained = 2;
    publish("a", 1, "x");
    const { room, entries } = record();
    await advance(100);
    cutAll();
    for (let n = 0; n < 4; n++) publish("a", n, "y");
    await advance(2_000);
    publish("a", 9, "z");
    await advance(100);
    assert.deepEqual(entries, [["x=1"], "gap 4 5", ["x=1", "y=5"], [6]]);
    assert.equal(room.position?.split(":")[1], "6");
  });

  it("receives a gap during a connection", async () => {
    const { room, entries } = record();
    publish("a", 1, "x");
    await advance(100);
    const [session] = server.room("room").sessions;
    const epoch = server.room("room").epoch;
    session!.peer.send({ type: "gap", room: "room", epoch, oldest: 5, seq: 7 });
    session!.peer.send({
      type: "events",
      room: "room",
      epoch,
      prev: 7,
      events: [{ seq: 8, name: "a", data: 1, at: 0, from: "b", key: "y" }],
    });
    await advance(100);
    assert.deepEqual(entries, [["x=1"], "gap 5 7", [], [8]]);
    assert.deepEqual([...room.state!.keys()], ["y"]);
  });

  it("receives a gap if the room was erased meanwhile", async () => {
    publish("a", 1, "x");
    const { entries } = record();
    await advance(100);
    cutAll();
    server.room("room").erase();
    await advance(2_000);
    assert.deepEqual(entries, [["x=1"], "gap 1 0", []]);
  });

  it("has its state before the handlers receive an event", async () => {
    const room = clientOf().room("room");
    let size: number | undefined;
    room.on(() => (size = room.state?.size));
    await advance(100);
    publish("a", 1, "x");
    await advance(100);
    assert.equal(size, 1);
  });
});

describeBoth("catching up", () => {
  /** Records events and recoveries in order. */
  function record(): unknown[] {
    const entries: unknown[] = [];
    clientOf()
      .room("room")
      .listen({
        events: (events) => entries.push(...events.map(({ seq }) => seq)),
        gap: () => entries.push("gap"),
        recovered: ({ from, to }) => entries.push(`${from} to ${to}`),
      });
    return entries;
  }
  const at = (seq: number): string => `${server.room("room").epoch}:${seq}`;
  const publishSome = (count: number): void => {
    for (let n = 0; n < count; n++) publish("a", n);
  };

  it("is reported after all missed events, and before later ones", async () => {
    server.settings.eventsPerFrame = 2;
    const entries = record();
    await advance(100);
    publishSome(1);
    await advance(100);
    cutAll();
    publishSome(3);
    await advance(2_000);
    publishSome(1);
    await advance(100);
    assert.deepEqual(entries, [1, 2, 3, 4, `${at(1)} to ${at(4)}`, 5]);
  });

  it("is reported even if nothing was missed", async () => {
    const entries = record();
    await advance(100);
    cutAll();
    await advance(2_000);
    assert.deepEqual(entries, [`${at(0)} to ${at(0)}`]);
  });

  it("is reported once if it was interrupted", async () => {
    const entries = record();
    await advance(100);
    cutAll();
    publishSome(3);
    server.settings.eventsPerFrame = 1;
    let events = 0;
    network.copies = (frame) => {
      if ((frame as { type: string }).type !== "events") return 1;
      // The first event is received. Then the network breaks.
      return events++ === 0 ? 1 : 0;
    };
    while (entries.length === 0) await advance(5);
    cutAll();
    network.copies = () => 1;
    await advance(5_000);
    assert.deepEqual(entries, [1, 2, 3, `${at(0)} to ${at(3)}`]);
  });

  it("is not reported if a gap follows before all missed events", async () => {
    const entries = record();
    await advance(100);
    cutAll();
    publishSome(3);
    network.copies = (frame) => ((frame as { type: string }).type === "events" ? 0 : 1);
    while (network.connections.size === 0) await advance(5);
    await advance(200);
    cutAll();
    network.copies = () => 1;
    server.settings.retained = 1;
    publishSome(1);
    await advance(5_000);
    publishSome(1);
    await advance(100);
    assert.deepEqual(entries, ["gap", 5]);
  });

  it("is not reported after a gap", async () => {
    server.settings.retained = 1;
    const entries = record();
    await advance(100);
    cutAll();
    publishSome(3);
    await advance(2_000);
    assert.deepEqual(entries, ["gap"]);
  });
});

describeBoth("status", () => {
  it("changes with its reason and the time of the next attempt", async () => {
    const room = clientOf().room("room");
    const seen: unknown[] = [];
    room.subscribe(() => {
      if (seen.at(-1) !== room.connection) seen.push(room.connection);
    });
    await advance(100);
    network.down = true;
    cutAll();
    const { status, reason, retryAt } = room.connection;
    assert.deepEqual([status, reason], ["reconnecting", "offline"]);
    assert.ok(retryAt! > Date.now() && retryAt! < Date.now() + 1_000);
    await advance(retryAt! + 1 - Date.now());
    assert.equal(room.connection.retryAt, undefined, "an attempt is running");
    assert.deepEqual(
      (seen as { status: string }[]).map((each) => each.status),
      ["connected", "reconnecting", "reconnecting"],
    );
  });

  for (const [code, reason] of [
    [4010, "kicked"],
    [4011, "erased"],
  ] as const) {
    it(`is closed after ${reason}, until the app reconnects`, async () => {
      const client = clientOf();
      const room = client.room("room");
      room.on(() => {});
      await advance(100);
      const { sessions } = server.room("room");
      for (const session of sessions) server.room("room").end(session, code);
      await advance(HOUR, HOUR);
      assert.deepEqual([room.status, room.connection.reason], ["closed", reason]);
      assert.equal(sessions.size, 0);
      client.reconnect();
      await advance(100);
      assert.deepEqual([room.status, sessions.size], ["connected", 1]);
    });
  }

  it("is offline immediately without a network", async () => {
    network.down = true;
    const room = clientOf().room("room");
    room.on(() => {});
    await advance(100);
    assert.deepEqual([room.status, room.connection.reason], ["connecting", "offline"]);
  });

  it("is checked with a ping when the page is offline", async (t) => {
    const page = new EventTarget();
    for (const name of ["addEventListener", "removeEventListener"] as const) {
      Object.assign(globalThis, { [name]: page[name].bind(page) });
      t.after(() => Reflect.deleteProperty(globalThis, name));
    }
    const room = clientOf().room("room");
    room.on(() => {});
    await advance(100);
    // The client may use a network that was not lost.
    page.dispatchEvent(new Event("offline"));
    await advance(3_000);
    assert.deepEqual([room.status, network.dialled], ["connected", 1]);

    network.down = true;
    network.connections.forEach((connection) => connection.freeze());
    page.dispatchEvent(new Event("offline"));
    await advance(2_100);
    assert.deepEqual([room.status, room.connection.reason], ["reconnecting", "offline"]);
    const { dialled } = network;
    page.dispatchEvent(new Event("offline"));
    await advance(1);
    assert.equal(network.dialled, dialled, "no dial without a network");
    network.down = false;
    page.dispatchEvent(new Event("online"));
    await advance(100);
    assert.equal(room.status, "connected");
  });

  it("names the missing WebSocket class, as in Node 20", async (t) => {
    const { WebSocket } = globalThis;
    Reflect.deleteProperty(globalThis, "WebSocket");
    t.after(() => Object.assign(globalThis, { WebSocket }));
    const logged = mock.method(console, "error", () => {});
    const room = clientOf({ WebSocket: undefined }).room("room");
    room.on(() => {});
    await advance(100);
    assert.deepEqual([room.status, room.connection.reason], ["connecting", "dial_failed"]);
    assert.match(
      String(logged.mock.calls[0]!.arguments[0]),
      /no WebSocket .* createClient .* `ws`/,
    );
    logged.mock.restore();
  });

  it("names the error if no socket can be created", async () => {
    const logged = mock.method(console, "error", () => {});
    const room = clientOf({
      WebSocket: class {
        constructor() {
          throw new DOMException("An insecure WebSocket connection", "SecurityError");
        }
      } as unknown as typeof WebSocket,
    }).room("room");
    room.on(() => {});
    await advance(100);
    assert.deepEqual([room.status, room.connection.reason], ["connecting", "dial_failed"]);
    assert.match(String(logged.mock.calls[0]!.arguments[0]), /insecure/);
    logged.mock.restore();
  });

  it("includes the transport", () => {
    assert.equal(clientOf().room("room").transport, "websocket");
  });

  it("is the same object while nothing changes", async () => {
    const room = clientOf().room("room");
    room.on(() => {});
    await advance(100);
    const before = room.connection;
    publish("a", 1);
    await advance(60_000);
    assert.equal(room.connection, before);
  });

  it("is closed with the client, also for later rooms", async () => {
    const client = clientOf();
    const room = client.room("room");
    room.on(() => {});
    await advance(100);
    client.close();
    assert.deepEqual([room.status, room.connection.reason], ["closed", "closed"]);
    client.room("other").on(() => {});
    client.reconnect();
    assert.equal(client.room("other").status, "closed");
    assert.equal(await codeOf(room.publish("a", 1)), "closed");
    await advance(HOUR, HOUR);
    assert.equal(network.dialled, 1);
    assert.equal(server.room("room").sessions.size, 0);
  });
});
