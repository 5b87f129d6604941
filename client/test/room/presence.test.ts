/** Tests of presence, in virtual time. */
import assert from "node:assert/strict";
import { it, mock } from "node:test";
import { RoomcastError, type Client, type Member, type Room } from "../../src/index.ts";
import { advance } from "../model/network.ts";
import { tokenFor } from "../model/claims.ts";
import { clientOf, cutAll, describeBoth, HOUR, network, publish, server } from "../fixture.ts";

const clientAs = (user: string, grants?: string[]): Client =>
  clientOf({ token: () => tokenFor(user, Date.now() + HOUR, grants) });
const roomOf = (user: string, grants?: string[]): Room => clientAs(user, grants).room("room");

/** Formats members like `alice=1,2 bob=3`: each user with the data of the user's sessions. */
const format = (members: readonly Member[] | undefined): string =>
  members
    ?.map(({ user, sessions }) => `${user}=${sessions.map(({ data }) => JSON.stringify(data))}`)
    .join(" ") ?? "unknown";

const membersOf = (...rooms: Room[]): string[] =>
  rooms.map((room) => format(room.presence.members));

/** Records the members that a client shows from now on. */
function recordMembers({ presence }: Room): string[] {
  const entries: string[] = [];
  presence.subscribe(() => entries.push(format(presence.members)));
  return entries;
}

const mockEnter = () => mock.method(server.room("room").presence, "enter");
const dataOf = ({ mock }: ReturnType<typeof mockEnter>) =>
  mock.calls.map(({ arguments: [, data] }) => data);

/** Collects the codes of the reported errors. */
function reportedCodes(): unknown[] {
  const codes: unknown[] = [];
  mock.method(console, "error", ({ code }: RoomcastError) => codes.push(code));
  return codes;
}

describeBoth("entering", () => {
  it("shows all members to all members", async () => {
    const [alice, bob] = [roomOf("alice"), roomOf("bob")];
    alice.presence.enter({ at: "desk" });
    assert.equal(alice.presence.members, undefined, "not known yet");
    await advance(100);
    bob.presence.enter();
    await advance(100);
    const all = 'alice={"at":"desk"} bob=null';
    assert.deepEqual(membersOf(alice, bob), [all, all]);
    const [entry] = alice.presence.members![1]!.sessions;
    assert.ok(entry!.since > Date.now() - 100);
  });

  it("keeps the room connected until it leaves", async () => {
    const room = roomOf("alice");
    room.presence.enter();
    await advance(HOUR, 1_000);
    assert.equal(room.status, "connected");
    room.presence.leave();
    await advance(3_500);
    assert.equal(server.room("room").sessions.size, 0);
  });

  it("makes one member with two entries if a user has two tabs", async () => {
    const tabs = [roomOf("alice"), roomOf("alice")];
    tabs.forEach(({ presence }, n) => presence.enter(n));
    await advance(100);
    assert.deepEqual(membersOf(...tabs), ["alice=0,1", "alice=0,1"]);
    tabs[0]!.presence.update(2);
    await advance(100);
    assert.deepEqual(membersOf(...tabs), ["alice=2,1", "alice=2,1"]);
    tabs[0]!.presence.leave();
    await advance(100);
    assert.deepEqual(membersOf(...tabs), ["unknown", "alice=1"]);
  });

  it("is required to receive the list", async () => {
    const [alice, bob] = [roomOf("alice"), roomOf("bob")];
    bob.presence.subscribe(() => {});
    alice.presence.enter();
    await advance(100);
    assert.deepEqual(membersOf(alice, bob), ["alice=null", "unknown"]);
    assert.equal(await bob.presence.count(), 1);
  });

  it("throws if the data exceeds the room's limit", async () => {
    const room = roomOf("alice");
    const tooLarge = { code: "too_large" };
    assert.throws(() => room.presence.enter("é".repeat(1_100)), tooLarge);
    room.presence.enter("é".repeat(1_000));
    await advance(100);
    assert.throws(() => room.presence.update("x".repeat(2_048)), tooLarge);
    await advance(100);
    assert.equal(format(room.presence.members), `alice="${"é".repeat(1_000)}"`);
  });
});

describeBoth("members", () => {
  it("are a new array after each change, and the same array otherwise", async () => {
    const [alice, bob, carol] = [roomOf("alice"), roomOf("bob"), roomOf("carol")];
    for (const { presence } of [alice, bob, carol]) presence.enter();
    await advance(200);
    const before = alice.presence.members!;
    publish("a", 1);
    await advance(60_000);
    assert.equal(alice.presence.members, before);
    carol.presence.update(1);
    await advance(100);
    const after = alice.presence.members!;
    assert.notEqual(after, before);
    assert.equal(
      after[0],
      before[0],
      "unchanged members are the same objects, including the own member",
    );
    assert.equal(after[1], before[1]);
    assert.notEqual(after[2], before[2]);
  });

  it("are in the same order, regardless of who entered first", async () => {
    const rooms = ["carol", "alice", "bob"].map((user) => roomOf(user));
    for (const { presence } of rooms) {
      presence.enter();
      await advance(100);
    }
    const all = "alice=null bob=null carol=null";
    assert.deepEqual(membersOf(...rooms), [all, all, all]);
  });

  it("are shown after the last page of their list", async () => {
    const room = roomOf("alice");
    room.presence.enter(1);
    await advance(100);
    const [session] = server.room("room").sessions;
    const entries = recordMembers(room);
    const send = (user: string, more?: true): void => {
      const members = [{ user, sessions: [{ session: user, data: 2, since: 0 }] }];
      session!.peer.send({ type: "members", room: "room", members, ...(more && { more }) });
    };
    send("alice", true);
    send("bob", true);
    await advance(100);
    assert.deepEqual(entries, []);
    send("carol");
    await advance(100);
    assert.deepEqual(entries, ["alice=2 bob=2 carol=2"]);
  });

  it("are not shown from an incomplete list", async () => {
    const room = roomOf("alice");
    room.presence.enter(1);
    await advance(100);
    const [session] = server.room("room").sessions;
    const members = [{ user: "zoe", sessions: [{ session: "z", data: 2, since: 0 }] }];
    session!.peer.send({ type: "members", room: "room", members, more: true });
    await advance(100);
    cutAll();
    await advance(30_000);
    assert.equal(format(room.presence.members), "alice=1");
  });

  it("may be replaced by an unrequested list", async () => {
    const room = roomOf("alice");
    room.presence.enter(1);
    await advance(100);
    const [session] = server.room("room").sessions;
    const members = [{ user: "bob", sessions: [{ session: "s9", data: 2, since: 0 }] }];
    session!.peer.send({ type: "members", room: "room", members });
    await advance(100);
    assert.equal(format(room.presence.members), "bob=2");
  });
});

describeBoth("updating", () => {
  it("shows one's own data immediately, and never older data again", async () => {
    const room = roomOf("alice");
    room.presence.enter(0);
    await advance(100);
    const entries = recordMembers(room);
    network.delay = () => 300;
    for (let n = 1; n <= 20; n++) {
      room.presence.update(n);
      assert.equal(format(room.presence.members), `alice=${n}`);
      await advance(40);
    }
    await advance(2_000);
    const seen = entries.map((entry) => Number(entry.split("=")[1]));
    assert.deepEqual(
      seen,
      seen.toSorted((a, b) => a - b),
    );
  });

  it("shows the data as other members receive it", async () => {
    const room = roomOf("alice");
    room.presence.enter({ at: new Date(0), missing: undefined });
    await advance(100);
    assert.deepEqual(room.presence.members![0]!.sessions[0]!.data, {
      at: "1970-01-01T00:00:00.000Z",
    });
  });

  it("sends the first change immediately, and then the newest change every 50 ms", async () => {
    const room = roomOf("alice");
    room.presence.enter(-1);
    await advance(200);
    const enter = mockEnter();
    room.presence.update(0);
    await advance(10);
    assert.deepEqual(dataOf(enter), [0]);
    for (let n = 1; n <= 200; n++) {
      room.presence.update(n);
      await advance(5);
    }
    await advance(100);
    assert.equal(dataOf(enter).at(-1), 200);
    const calls = enter.mock.callCount();
    assert.ok(calls > 15 && calls <= 22, `${calls} in a second`);
  });

  it("sends nothing if nothing has changed, or the client has not entered", async () => {
    const room = roomOf("alice");
    room.subscribe(() => {});
    await advance(100);
    const enter = mockEnter();
    room.presence.update(1);
    await advance(100);
    assert.deepEqual(dataOf(enter), []);
    room.presence.enter({ a: 1 });
    await advance(100);
    const { members } = room.presence;
    room.presence.update({ a: 1 });
    room.presence.enter({ a: 1 });
    await advance(100);
    assert.equal(room.presence.members, members);
    assert.deepEqual(dataOf(enter), [{ a: 1 }]);
  });
});

describeBoth("leaving", () => {
  it("is sent immediately", async () => {
    const [alice, bob] = [roomOf("alice"), roomOf("bob")];
    for (const { presence } of [alice, bob]) presence.enter();
    await advance(200);
    alice.presence.leave();
    alice.presence.leave();
    assert.equal(alice.presence.members, undefined);
    await advance(30);
    assert.deepEqual(membersOf(alice, bob), ["unknown", "bob=null"]);
    await advance(60_000);
    assert.deepEqual(membersOf(alice), ["unknown"]);
  });

  it("followed by entering immediately notifies no other member", async () => {
    const [alice, bob] = [roomOf("alice"), roomOf("bob")];
    bob.presence.enter();
    await advance(200);
    alice.presence.enter(1);
    await advance(40);
    const entries = recordMembers(bob);
    alice.presence.leave();
    alice.presence.enter(1);
    assert.deepEqual(membersOf(alice, bob), ["alice=1 bob=null", "alice=1 bob=null"]);
    await advance(300);
    assert.deepEqual(entries, []);
    bob.presence.update(2);
    await advance(100);
    assert.deepEqual(membersOf(alice, bob), ["alice=1 bob=2", "alice=1 bob=2"]);
  });

  const ways: Record<string, (alice: Room) => void> = {
    "when the leave is sent": ({ presence }) => presence.leave(),
    "while not connected": ({ presence }) => {
      cutAll();
      presence.leave();
    },
    "when the connection breaks before it is sent": ({ presence }) => {
      presence.update(2);
      presence.leave();
      cutAll();
    },
  };
  for (const [way, leave] of Object.entries(ways)) {
    it(`${way}, shows no outdated list after entering again`, async () => {
      const [alice, bob] = [roomOf("alice"), roomOf("bob")];
      for (const { presence } of [alice, bob]) presence.enter(1);
      await advance(200);
      leave(alice);
      alice.presence.enter(3);
      assert.deepEqual(membersOf(alice), ["unknown"]);
      await advance(5_000);
      assert.deepEqual(membersOf(alice, bob), ["alice=3 bob=1", "alice=3 bob=1"]);
    });
  }
});

describeBoth("a lost connection", () => {
  /** Enters alice and bob. Records the members that each of them shows. */
  async function enterBoth() {
    const [alice, bob] = [roomOf("alice"), roomOf("bob")];
    for (const { presence } of [alice, bob]) presence.enter(1);
    await advance(200);
    return { alice, bob, entries: recordMembers(bob), ownEntries: recordMembers(alice) };
  }

  const connectionOf = (user: string) =>
    [...network.connections].find((connection) => connection.user === user && connection.open)!;

  it("is no leave, and causes no flicker", async () => {
    const { alice, bob, entries, ownEntries } = await enterBoth();
    connectionOf("alice").cut();
    await advance(30_000);
    assert.deepEqual(membersOf(alice, bob), ["alice=1 bob=1", "alice=1 bob=1"]);
    assert.deepEqual(new Set([...entries, ...ownEntries]), new Set(["alice=1 bob=1"]));
  });

  it("shows the old members until it is detected", async () => {
    const { alice, bob, ownEntries } = await enterBoth();
    connectionOf("alice").freeze();
    await advance(40_000);
    assert.deepEqual(membersOf(alice, bob), ["alice=1 bob=1", "alice=1 bob=1"]);
    assert.deepEqual(new Set(ownEntries), new Set(["alice=1 bob=1"]));
  });

  it("is no leave if the client itself replaces it", async () => {
    const client = clientAs("alice");
    const [alice, bob] = [client.room("room"), roomOf("bob")];
    for (const { presence } of [alice, bob]) presence.enter(1);
    await advance(200);
    const entries = recordMembers(bob);
    client.reconnect();
    await advance(1_000);
    assert.equal(network.dialled, 3);
    assert.deepEqual(membersOf(alice, bob), ["alice=1 bob=1", "alice=1 bob=1"]);
    assert.deepEqual(new Set(entries), new Set(["alice=1 bob=1"]));
    client.close();
    await advance(100);
    assert.deepEqual(membersOf(alice, bob), ["unknown", "bob=1"]);
  });

  it("enters again with the newest data", async () => {
    const { alice, bob } = await enterBoth();
    network.down = true;
    connectionOf("alice").cut();
    alice.presence.update(2);
    assert.deepEqual(membersOf(alice, bob), ["alice=2 bob=1", "alice=1 bob=1"]);
    await advance(3_000);
    network.down = false;
    await advance(30_000);
    assert.deepEqual(membersOf(alice, bob), ["alice=2 bob=1", "alice=2 bob=1"]);
  });

  it("leaves after the grace if the client does not return", async () => {
    const { alice, bob } = await enterBoth();
    network.down = true;
    connectionOf("alice").cut();
    await advance(9_000);
    assert.deepEqual(membersOf(alice, bob), ["alice=1 bob=1", "alice=1 bob=1"]);
    await advance(2_000);
    assert.deepEqual(membersOf(bob), ["bob=1"]);
    network.down = false;
    await advance(30_000);
    assert.deepEqual(membersOf(alice, bob), ["alice=1 bob=1", "alice=1 bob=1"]);
  });

  it("enters again when the token has expired", async () => {
    const { alice, bob } = await enterBoth();
    const entered = mockEnter();
    await advance(2 * HOUR, 500);
    assert.equal(entered.mock.callCount(), 0, "renewed in-band");
    connectionOf("alice").cut(4001);
    await advance(1_000);
    assert.deepEqual(dataOf(entered), [1]);
    assert.deepEqual(membersOf(alice, bob), ["alice=1 bob=1", "alice=1 bob=1"]);
  });

  it("with a final code shows no members, and enters again after a sign-in", async () => {
    const client = clientAs("alice");
    const room = client.room("room");
    room.presence.enter(1);
    await advance(100);
    cutAll(4010);
    assert.deepEqual(membersOf(room), ["unknown"]);
    client.reconnect();
    await advance(100);
    assert.deepEqual(membersOf(room), ["alice=1"]);
  });
});

describeBoth("a token without the right `presence`", () => {
  it("is reported once, and shows no members", async () => {
    const codes = reportedCodes();
    const room = roomOf("alice", ["subscribe"]);
    room.presence.enter();
    await advance(100);
    cutAll();
    await advance(5_000);
    room.presence.update(1);
    await advance(100);
    assert.deepEqual(codes, ["forbidden"]);
    assert.equal(room.presence.members, undefined);
    assert.equal(room.status, "connected");
  });

  it("makes the client leave, and a token with the right makes it enter again", async () => {
    const codes = reportedCodes();
    const grants = ["subscribe", "presence"];
    const token = () => tokenFor("alice", Date.now() + 100_000, grants);
    const room = clientOf({ token }).room("room");
    room.presence.enter(1);
    await advance(1_000);
    assert.deepEqual(membersOf(room), ["alice=1"]);
    grants.pop();
    await advance(100_000);
    assert.deepEqual(membersOf(room), ["unknown"]);
    grants.push("presence");
    await advance(100_000);
    assert.deepEqual(membersOf(room), ["alice=1"]);
    assert.deepEqual(codes, ["forbidden"]);
    assert.equal(network.dialled, 1);
  });
});

describeBoth("a room with the maximum number of members", () => {
  it("is reported once, and entered when a member has left", async () => {
    server.settings.members = 1;
    const codes = reportedCodes();
    const [alice, bob] = [roomOf("alice"), roomOf("bob")];
    alice.presence.enter();
    await advance(100);
    bob.presence.enter(1);
    await advance(100_000);
    bob.presence.update(2);
    await advance(100_000);
    assert.deepEqual(membersOf(alice, bob), ["alice=null", "unknown"]);
    assert.deepEqual(codes, ["room_full"]);
    alice.presence.leave();
    await advance(30_000);
    assert.deepEqual(membersOf(alice, bob), ["unknown", "bob=2"]);
  });

  it("shows no outdated list to a client that returns too late", async () => {
    const codes = reportedCodes();
    const [alice, bob] = [roomOf("alice"), roomOf("bob")];
    alice.presence.enter();
    await advance(100);
    network.down = true;
    cutAll();
    await advance(15_000);
    network.down = false;
    bob.presence.enter();
    server.settings.members = 1;
    await advance(40_000);
    const listsOfAlice = recordMembers(alice);
    assert.deepEqual(membersOf(alice, bob), ["unknown", "bob=null"]);
    assert.deepEqual(codes, ["room_full"]);
    server.settings.members = 2;
    await advance(30_000);
    assert.deepEqual(listsOfAlice, ["alice=null bob=null"]);
  });
});

describeBoth("a room with a rate limit", () => {
  it("receives a refused change again", async () => {
    server.rateLimit = { perSecond: 1, burst: 2 };
    const [alice, bob] = [roomOf("alice"), roomOf("bob")];
    for (const { presence } of [alice, bob]) {
      for (let n = 0; n < 20; n++) {
        presence.enter(n);
        await advance(60);
      }
    }
    await advance(10_000);
    assert.deepEqual(membersOf(alice, bob), ["alice=19 bob=19", "alice=19 bob=19"]);
    bob.presence.enter("x");
    bob.presence.leave();
    await advance(10_000);
    assert.deepEqual(membersOf(alice, bob), ["alice=19", "unknown"]);
  });

  it("receives a change before waiting publishes", async () => {
    server.rateLimit = { perSecond: 50, burst: 100 };
    const codes = reportedCodes();
    const room = roomOf("alice");
    room.presence.enter(0);
    const sent = Array.from({ length: 300 }, (_, n) => room.publish("a", n));
    await advance(1_000);
    const enter = mockEnter();
    room.presence.update(1);
    await advance(100);
    assert.deepEqual(dataOf(enter), [1]);
    await advance(10_000);
    const seqs = await Promise.all(sent);
    assert.deepEqual(
      seqs,
      seqs.map((_, n) => n + 1),
    );
    assert.deepEqual(codes, []);
  });
});
