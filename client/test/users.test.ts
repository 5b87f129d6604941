/** Tests of a change of the user. */
import assert from "node:assert/strict";
import { it } from "node:test";
import type { Client } from "../src/index.ts";
import { advance } from "./model/network.ts";
import { tokenFor } from "./model/claims.ts";
import {
  clientOf,
  codeOf,
  cutAll,
  describeBoth,
  HOUR,
  network,
  publish,
  server,
} from "./fixture.ts";

let user: string | null = "alice";

/** Creates a client of the user who is signed in. */
function clientOfUser(options: Parameters<typeof clientOf>[0] = {}): Client {
  user = "alice";
  const token = (): string | null => user && tokenFor(user, Date.now() + HOUR);
  return clientOf({ token, ...options });
}

const events = () => server.room("room").events.map(({ from, data }) => [from, data]);

const members = (room = "room") => server.room(room).presence.members.map(({ user }) => user);

/** A `sessionStorage`. */
function storage(items: Record<string, string> = {}): Storage {
  return Object.assign(
    Object.create({
      getItem(this: Record<string, string>, name: string) {
        return this[name] ?? null;
      },
      setItem(this: Record<string, string>, name: string, value: string) {
        this[name] = value;
      },
      removeItem(this: Record<string, string>, name: string) {
        delete this[name];
      },
    }),
    items,
  );
}

describeBoth("a waiting publish when another user signs in", () => {
  for (const [when, isConnectedBefore] of [
    ["after a connection", true],
    ["before the first connection", false],
  ] as const) {
    it(`is rejected, and not published as the other user: made ${when}`, async () => {
      const client = clientOfUser();
      const room = client.room("room");
      network.down = !isConnectedBefore;
      room.on(() => {});
      await advance(100);
      network.down = true;
      cutAll();
      const codes = [1, 2].map((data) => codeOf(room.publish("a", data)));
      const other = codeOf(client.room("other").publish("a", 3));
      await advance(1_000);
      network.down = false;
      user = "bob";
      client.reconnect();
      // This publish is made after the switch, so it belongs to bob, although the client can't know
      // whose token it will receive.
      const bobs = room.publish("a", 4);
      await advance(1_000);
      assert.deepEqual(await Promise.all(codes), ["user_changed", "user_changed"]);
      assert.deepEqual([await other, await bobs], ["user_changed", 1]);
      assert.deepEqual(events(), [["bob", 4]]);
    });
  }

  it("is rejected if only the next token shows the new user", async () => {
    const token = (): string => tokenFor(user!, Date.now() + 60_000);
    const room = clientOfUser({ token, publish: { timeoutMs: HOUR } }).room("room");
    room.on(() => {});
    await advance(100);
    network.down = true;
    cutAll();
    const code = codeOf(room.publish("a", 1));
    user = "bob";
    await advance(120_000);
    network.down = false;
    await advance(60_000);
    assert.equal(await code, "user_changed");
    assert.deepEqual([room.status, events()], ["connected", []]);
  });

  it("is followed by publishes of the new user, over connections of the new user", async () => {
    const token = (): string => tokenFor(user!, Date.now() + 60_000);
    const client = clientOfUser({ token });
    const rooms = ["room", "other"].map((name) => client.room(name));
    client.room("other").on(() => {});
    await advance(20_000);
    client.room("room").on(() => {});
    await advance(1_000);
    user = "bob";
    // At the next dial, the token is bob's, but the other connections are still alice's.
    const dialled = network.dialled;
    while (network.dialled === dialled) await advance(5, 1);
    const sent = rooms.map((room) => room.publish("a", room.name));
    await advance(1_000);
    await Promise.all(sent);
    assert.deepEqual(
      new Set([...network.connections].map((connection) => connection.user)),
      new Set(["bob"]),
    );
    for (const { name } of rooms) {
      assert.deepEqual(
        server.room(name).events.map(({ from }) => from),
        ["bob"],
      );
    }
    assert.deepEqual(server.errors, []);
  });

  it("is rejected if the server identifies the user by a cookie", async () => {
    const client = clientOf({ token: undefined! });
    server.cookie = tokenFor("alice", Date.now() + HOUR);
    const room = client.room("room");
    room.on(() => {});
    await advance(100);
    network.down = true;
    cutAll();
    const code = codeOf(room.publish("a", 1));
    server.cookie = tokenFor("bob", Date.now() + HOUR);
    network.down = false;
    client.reconnect();
    await advance(100);
    assert.equal(await code, "user_changed");
    assert.deepEqual(events(), []);
  });

  it("is published if the same user signs in again", async () => {
    const client = clientOfUser();
    const room = client.room("room");
    network.down = true;
    const sent = room.publish("a", 1);
    await advance(1_000);
    network.down = false;
    client.reconnect();
    await advance(100);
    assert.equal(await sent, 1);
    assert.deepEqual(events(), [["alice", 1]]);
  });
});

describeBoth("signing out", () => {
  it("leaves immediately, rejects waiting publishes, and stays disconnected", async () => {
    const client = clientOfUser();
    const room = client.room("room");
    room.presence.enter({ name: "Alice" });
    await advance(100);
    assert.deepEqual(members(), ["alice"]);
    network.delay = () => 1;
    const code = codeOf(room.publish("a", 1));
    client.signOut();
    assert.equal(await code, "signed_out");
    await advance(10);
    assert.deepEqual([members(), server.room("room").sessions.size], [[], 0]);
    assert.deepEqual(room.connection.status, "unauthorized");
    assert.deepEqual(room.connection.reason, "signed_out");
    assert.equal(await codeOf(client.room("other").publish("a", 1)), "signed_out");
    const { dialled } = network;
    await advance(HOUR, HOUR);
    assert.equal(network.dialled, dialled);
  });

  it("prepares the rooms for the next user, who receives a gap in place of the old events", async () => {
    const client = clientOfUser();
    const room = client.room("room");
    const received: unknown[] = [];
    room.listen({
      events: (events) => received.push(events.map(({ data }) => data)),
      gap: ({ seq }) => received.push(`gap ${seq}`),
      state: () => received.push([...room.state!.keys()]),
    });
    await advance(100);
    publish("a", 1, "k");
    await advance(100);
    room.presence.enter({ name: "Alice" });
    client.signOut();
    assert.deepEqual([room.position, room.state], [undefined, undefined]);
    publish("a", 2, "l");
    await advance(1_000);
    user = "bob";
    client.connect();
    // If the connection breaks before the gap is received, the gap is still reported.
    let isCut = false;
    network.copies = (frame) => {
      isCut ||= (frame as { type: string }).type === "gap";
      return isCut ? 0 : 1;
    };
    await advance(100);
    network.copies = () => 1;
    cutAll();
    await advance(3_000);
    publish("a", 3);
    await advance(100);
    assert.deepEqual(received, [[], [1], "gap 2", ["k", "l"], [3]]);
    assert.equal(room.status, "connected");
    assert.deepEqual(members(), [], "alice's entry is not bob's");
    void room.publish("b", 4);
    await advance(100);
    assert.deepEqual(events().at(-1), ["bob", 4]);
  });

  it("removes the saved positions, including the positions of earlier pages", async () => {
    const store = storage({
      "roomcast:https://model/rooms/earlier/events": "epoch001:7",
      "roomcast:https://elsewhere/rooms/room/events": "epoch001:7",
      theirs: "1",
    });
    const client = clientOfUser({ resume: store });
    client.room("room").on(() => {});
    await advance(100);
    assert.equal(Object.keys(store).length, 4);
    client.signOut();
    await advance(100);
    assert.deepEqual(Object.keys(store), [
      "roomcast:https://elsewhere/rooms/room/events",
      "theirs",
    ]);
  });

  it("clears the positions of its rooms in a store with only get and set", async () => {
    const items = new Map<string, string>();
    const resume = {
      getItem: (name: string) => items.get(name) ?? null,
      setItem: (name: string, value: string) => void items.set(name, value),
    };
    const client = clientOfUser({ resume });
    client.room("room").on(() => {});
    await advance(100);
    client.signOut();
    assert.deepEqual([...items.values()], [""]);
  });

  it("uses no token of the last user, even a token that was requested before", async () => {
    let answer: ((token: string) => void) | undefined;
    const client = clientOf({ token: () => new Promise((resolve) => (answer = resolve)) });
    const room = client.room("room");
    room.on(() => {});
    await advance(100);
    const alices = answer!;
    client.signOut();
    client.connect();
    await advance(100);
    alices(tokenFor("alice", Date.now() + HOUR));
    await advance(100);
    assert.equal(network.dialled, 0);
    answer!(tokenFor("bob", Date.now() + HOUR));
    await advance(100);
    assert.deepEqual(
      [...network.connections].map(({ user }) => user),
      ["bob"],
    );
    assert.equal(room.status, "connected");
  });
});

describeBoth("disconnecting", () => {
  it("leaves immediately and stays disconnected, until `connect` resumes from its position", async () => {
    const client = clientOfUser();
    const room = client.room("room");
    const received: unknown[] = [];
    room.listen({
      events: (events) => received.push(...events.map(({ data }) => data)),
      gap: () => received.push("gap"),
    });
    room.presence.enter({ name: "Alice" });
    await advance(100);
    publish("a", 1);
    await advance(100);
    client.disconnect();
    assert.deepEqual([room.status, room.connection.reason], ["closed", "disconnected"]);
    await advance(10);
    assert.deepEqual(members(), []);
    publish("a", 2);
    client.room("other").on(() => {});
    await advance(30_000);
    const sent = room.publish("a", 3);
    assert.deepEqual([network.connections.size, client.room("other").status], [0, "closed"]);
    client.connect();
    await advance(100);
    assert.deepEqual([await sent, received], [3, [1, 2, 3]]);
    assert.deepEqual(members(), ["alice"]);
    assert.equal(client.room("other").status, "connected");
  });

  it("connects no unused room, and `connect` has no effect if connected", async () => {
    const client = clientOfUser();
    const stop = client.room("room").on(() => {});
    await advance(100);
    stop();
    await advance(10_000);
    client.room("unused");
    const { dialled } = network;
    client.disconnect();
    client.connect();
    await advance(10_000);
    assert.equal(network.dialled, dialled);
    assert.equal(client.room("unused").status, "connecting");
    client.room("room").on(() => {});
    await advance(100);
    const [connection] = network.connections;
    client.connect();
    await advance(100);
    assert.deepEqual([...network.connections], [connection]);
  });

  it("does not extend the timeout of a publish", async () => {
    const client = clientOfUser({ publish: { timeoutMs: 5_000 } });
    client.disconnect();
    const code = codeOf(client.room("room").publish("a", 1));
    await advance(5_100);
    assert.equal(await code, "timeout");
  });

  it("leaves a user signed out", () => {
    const client = clientOfUser();
    client.signOut();
    client.disconnect();
    assert.equal(client.room("room").connection.reason, "signed_out");
  });

  it("has no effect on a closed client", () => {
    const client = clientOfUser();
    client.close();
    for (const each of ["connect", "reconnect", "disconnect", "signOut"] as const) client[each]();
    assert.equal(client.room("room").connection.reason, "closed");
  });
});
