/** Runs clients of Pusher and clients of `roomcast` in the same rooms. */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test, type TestContext } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { createClient, type Client, type Room as ClientRoom } from "roomcast";
import { createBackend } from "roomcast/server";
import { Proxy } from "../../client/test/real/proxy.ts";
import { claims, sign } from "../edge/jwt.ts";
import { Room } from "../edge/room.ts";
import { SECRET } from "../edge/runtime.ts";
import { App } from "./app.ts";
import { Inbox } from "./page/inbox.ts";
import { InNode } from "./platforms.ts";

const pusher = new InNode();
let app: App;
let network: Proxy;
let url: URL;
before(async () => {
  app = await App.start({ client_events: true });
  network = new Proxy(() => new URL(app.runtime.url));
  url = await network.start();
});
afterEach(() => pusher.closeClients());
after(async () => {
  await network?.stop();
  await app?.stop();
});

const tokenOf = (user: string): string =>
  sign(claims(user, ["subscribe", "publish", "presence"]), SECRET);

/** Opens a room with the client of `roomcast`, behind a network that the test can cut. */
function open(t: TestContext, user: string, name: string): ClientRoom {
  const backoff = { minMs: 10, maxMs: 100 };
  const client: Client = createClient({ url, token: () => tokenOf(user), backoff });
  t.after(() => client.close());
  return client.room(name);
}

/** Returns the events of a room as the client of `roomcast` receives them. */
function eventsOf(room: ClientRoom): Inbox {
  const inbox = new Inbox();
  room.on((data, { seq, name }) => inbox.push([seq, name, data]));
  room.listen({ gap: () => inbox.push("gap"), state() {} });
  return inbox;
}

/** Resolves when these users have entered, with the data of each session in any order. */
async function untilMembers(room: ClientRoom, wanted: Record<string, unknown[]>): Promise<void> {
  const sorted = (texts: unknown[]) => texts.map((data) => JSON.stringify(data)).sort();
  const expected = Object.entries(wanted).map(([user, data]) => [user, sorted(data)]);
  const changes = new Inbox();
  const stop = room.presence.subscribe(() => changes.push("changed"));
  const listed = () =>
    (room.presence.members ?? []).map(({ user, sessions }) => [
      user,
      sorted(sessions.map(({ data }) => data)),
    ]);
  while (!isDeepStrictEqual(listed(), expected)) await changes.next();
  stop();
}

describe("events", () => {
  test("that the SDK triggers have a seq, and are recovered after a disconnect", async (t) => {
    const name = "private-orders";
    const room = open(t, "ann", name);
    const events = eventsOf(room);
    await new Room(app.runtime, name).waitForSessions(1);
    const { head } = await new Room(app.runtime, name).stats();
    await app.sdk.trigger(name, "shipped", { id: 1 });
    assert.deepEqual(await events.next(), [head + 1, "shipped", { id: 1 }]);

    // The network is cut. The new connection is delayed, so that the client misses the events.
    network.delayMs = 1_000;
    for (const link of network.links) link.cut();
    await app.sdk.trigger(name, "shipped", { id: 2 });
    await app.sdk.trigger(name, "noted", "plain text");
    assert.deepEqual(await events.next(), [head + 2, "shipped", { id: 2 }]);
    assert.deepEqual(await events.next(), [head + 3, "noted", "plain text"]);
    network.delayMs = 0;
  });

  test("that our route publishes reach clients of Pusher", async () => {
    const channel = "private-news";
    const ann = await pusher.open(app, "ann");
    await ann.join(channel);
    const backend = createBackend({ url: app.runtime.url, token: tokenOf("backend") });
    await backend.publish(channel, "published", { id: 1, price: 1.5 });
    await backend.publish(channel, "published", null);
    assert.deepEqual(await ann.next(channel), ["published", { id: 1, price: 1.5 }]);
    assert.deepEqual(await ann.next(channel), ["published", null]);
  });

  test("that a client of `roomcast` publishes reach clients of Pusher", async (t) => {
    const channel = "private-chat";
    const ann = await pusher.open(app, "ann");
    await ann.join(channel);
    await open(t, "ben", channel).publish("said", { text: "hi" });
    assert.deepEqual(await ann.next(channel), ["said", { text: "hi" }]);
  });

  test("with an origin are not sent to the socket with this id", async (t) => {
    const channel = "private-edits";
    const [ann, ben] = [await pusher.open(app, "ann"), await pusher.open(app, "ben")];
    for (const client of [ann, ben]) await client.join(channel);
    const events = eventsOf(open(t, "cat", channel));
    const room = new Room(app.runtime, channel);
    await room.waitForSessions(3);
    const { head } = await room.stats();

    const origin = await ann.socketId();
    await app.sdk.trigger(channel, "saved", 1, { socket_id: origin });
    await room.publish({ name: "saved", data: 2, origin });
    await room.publish({ name: "saved", data: 3 });
    for (const n of [1, 2, 3]) {
      assert.deepEqual(await ben.next(channel), ["saved", n]);
      assert.deepEqual(await events.next(), [head + n, "saved", n]);
    }
    assert.deepEqual(await ann.next(channel), ["saved", 3]);
  });
});

test("signals and client events cross over", async (t) => {
  const channel = "private-doc";
  const ann = await pusher.open(app, "ann");
  await ann.join(channel);
  const room = open(t, "ben", channel);
  const signals = new Inbox();
  room.onSignal("client-typing", (data) => signals.push(data));
  await new Room(app.runtime, channel).waitForSessions(2);
  await ann.trigger(channel, "client-typing", { on: true });
  assert.deepEqual(await signals.next(), { on: true });

  room.signal("cursor", 1);
  room.signal("client-typing", { on: false });
  assert.deepEqual(await ann.next(channel), ["client-typing", { on: false }, null]);
});

test("members cross over", async (t) => {
  const channel = "presence-chat";
  const ann = await pusher.open(app, "ann");
  await ann.join(channel);
  const room = open(t, "ben", channel);
  const [infoOfAnn, infoOfBen] = [{ name: "the ann" }, { name: "Ben" }];
  room.presence.enter(infoOfBen);
  assert.deepEqual(await ann.next(channel), [
    "pusher:member_added",
    { id: "ben", info: infoOfBen },
  ]);
  await untilMembers(room, { ann: [infoOfAnn], ben: [infoOfBen] });
  assert.deepEqual(await ann.members(channel), { ann: infoOfAnn, ben: infoOfBen });

  room.presence.leave();
  assert.deepEqual(await ann.next(channel), [
    "pusher:member_removed",
    { id: "ben", info: infoOfBen },
  ]);
  await ann.disconnect();
  await untilMembers(room, {});
});

test("a user of both protocols is one member", async (t) => {
  const channel = "presence-both";
  const ann = await pusher.open(app, "ann");
  await ann.join(channel);
  const ben = await pusher.open(app, "ben");
  await ben.join(channel);
  const member = { id: "ben", info: { name: "the ben" } };
  assert.deepEqual(await ann.next(channel), ["pusher:member_added", member]);
  const room = open(t, "ben", channel);
  room.presence.enter({ name: "Ben" });
  await untilMembers(room, { ann: [{ name: "the ann" }], ben: [member.info, { name: "Ben" }] });
  await ben.disconnect();
  await untilMembers(room, { ann: [{ name: "the ann" }], ben: [{ name: "Ben" }] });

  room.presence.leave();
  assert.deepEqual(await ann.next(channel), ["pusher:member_removed", member]);
});

test("the user's channel of Pusher is the room of the user", async (t) => {
  const room = open(t, "ann", "server-to-user:ann");
  const events = eventsOf(room);
  await new Room(app.runtime, "server-to-user:ann").waitForSessions(1);
  await app.sdk.sendToUser("ann", "paid", { amount: 5 });
  assert.deepEqual((await events.next()).slice(1), ["paid", { amount: 5 }]);
});
