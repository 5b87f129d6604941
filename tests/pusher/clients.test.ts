/** Runs pusher-js, unchanged, in Node and in Chromium. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { App } from "./app.ts";
import { describePlatforms, InChromium, type Platform } from "./platforms.ts";

const SUCCEEDED = "pusher:subscription_succeeded";
const ADDED = "pusher:member_added";
const REMOVED = "pusher:member_removed";

let app: App;
before(async () => {
  app = await App.start({ client_events: true });
});
after(() => app?.stop());

let names = 0;

/** Returns a channel name that no other test uses. */
const unique = (prefix: string): string => `${prefix}${++names}`;

/** Returns what a client of a user receives for its subscription to a presence channel. */
const present = (...users: string[]): [string, unknown] => {
  const members = Object.fromEntries(users.map((user) => [user, info(user)]));
  const [me = ""] = users;
  const [count, myID] = [users.length, me];
  return [SUCCEEDED, { members, count, myID, me: { id: me, info: info(me) } }];
};
const info = (user: string) => ({ name: `the ${user}` });

const chromium = new InChromium();
after(() => chromium.stop());

describePlatforms(chromium, testsOn);

function testsOn(platform: Platform): void {
  const open: typeof platform.open = (...args) => platform.open(...args);

  for (const kind of ["", "private-", "private-encrypted-"])
    test(`a channel ${kind}… receives the events that the backend triggers`, async () => {
      const channel = unique(`${kind}a`);
      const ann = await open(app, "ann");
      assert.deepEqual(await ann.join(channel), [SUCCEEDED, {}]);

      await app.sdk.trigger(channel, "ordered", { id: 1, text: 'ä ☃ "quoted"' });
      await app.sdk.trigger(channel, "ordered", "plain text");
      assert.deepEqual(await ann.next(channel), ["ordered", { id: 1, text: 'ä ☃ "quoted"' }]);
      assert.deepEqual(await ann.next(channel), ["ordered", "plain text"]);
    });

  for (const kind of ["cache-", "private-cache-", "presence-cache-", "private-encrypted-cache-"])
    test(`a channel ${kind}… sends its last event to a client that subscribes`, async () => {
      const channel = unique(`${kind}a`);
      const succeeded = (...users: string[]) =>
        kind.startsWith("presence") ? present(...users) : [SUCCEEDED, {}];
      const ann = await open(app, "ann");
      assert.deepEqual(await ann.join(channel), succeeded("ann"));
      const [missed] = await ann.next(channel);
      assert.equal(missed, "pusher:cache_miss");

      for (const price of [1, 2]) await app.sdk.trigger(channel, "price", { price });
      for (const price of [1, 2]) assert.deepEqual(await ann.next(channel), ["price", { price }]);
      const ben = await open(app, "ben");
      assert.deepEqual(await ben.join(channel), succeeded("ben", "ann"));
      assert.deepEqual(await ben.next(channel), ["price", { price: 2 }]);
    });

  test("several channels receive one trigger, and a batch has an event for each", async () => {
    const [one, other] = [unique("a"), unique("private-a")];
    const ann = await open(app, "ann");
    for (const channel of [one, other]) await ann.join(channel);
    await app.sdk.trigger([one, other], "both", 1);
    await app.sdk.triggerBatch([
      { channel: one, name: "own", data: 2 as any },
      { channel: other, name: "own", data: 3 as any },
    ]);
    assert.deepEqual(
      [await ann.next(one), await ann.next(one)],
      [
        ["both", 1],
        ["own", 2],
      ],
    );
    assert.deepEqual(
      [await ann.next(other), await ann.next(other)],
      [
        ["both", 1],
        ["own", 3],
      ],
    );
  });

  test("a socket that the trigger names does not receive the event", async () => {
    const channel = unique("a");
    const [ann, ben] = await Promise.all([open(app, "ann"), open(app, "ben")]);
    for (const client of [ann, ben]) await client.join(channel);
    await app.sdk.trigger(channel, "saved", 1, { socket_id: await ann.socketId() });
    await app.sdk.trigger(channel, "saved", 2);
    assert.deepEqual(
      [await ben.next(channel), await ben.next(channel)],
      [
        ["saved", 1],
        ["saved", 2],
      ],
    );
    assert.deepEqual(await ann.next(channel), ["saved", 2]);
  });

  for (const kind of ["private-", "presence-", "private-encrypted-"]) {
    test(`a channel ${kind}… is refused by the app's backend`, async () => {
      const ann = await open(app, "ann");
      const [event, { status }] = await ann.join(unique(`${kind}forbidden-`));
      assert.deepEqual([event, status], ["pusher:subscription_error", 403]);
    });

    test(`a channel ${kind}… with a forged signature is refused, and others go on`, async () => {
      const ann = await open(app, "ann");
      const channel = unique("a");
      await ann.join(channel);
      const [event, error] = await ann.join(unique(`${kind}forged-`));
      assert.equal(event, "pusher:subscription_error");
      assert.equal(error.status, 401);
      await app.sdk.trigger(channel, "x", 1);
      assert.deepEqual(await ann.next(channel), ["x", 1]);
    });
  }

  test("a client event reaches the other subscribers of a private channel", async () => {
    const channel = unique("private-a");
    const [ann, ben] = await Promise.all([open(app, "ann"), open(app, "ben")]);
    for (const client of [ann, ben]) await client.join(channel);
    await ann.trigger(channel, "client-typing", { on: true });
    await ben.trigger(channel, "client-typing", { on: false });
    assert.deepEqual(await ben.next(channel), ["client-typing", { on: true }, null]);
    assert.deepEqual(await ann.next(channel), ["client-typing", { on: false }, null]);
  });

  test("a client event in a presence channel names its user", async () => {
    const channel = unique("presence-a");
    const [ann, ben] = await Promise.all([open(app, "ann"), open(app, "ben")]);
    for (const client of [ann, ben]) await client.join(channel);
    await ben.trigger(channel, "client-typing", 1);
    assert.deepEqual(await ann.next(channel), [ADDED, { id: "ben", info: info("ben") }]);
    assert.deepEqual(await ann.next(channel), ["client-typing", 1, "ben"]);
  });

  test("a client event without the right is an error, and the socket stays open", async () => {
    const channel = unique("a");
    const ann = await open(app, "ann");
    await ann.join(channel);
    await ann.trigger(channel, "client-typing", 1);
    assert.equal(await ann.next("errors"), 4300);
    await app.sdk.trigger(channel, "x", 1);
    assert.deepEqual(await ann.next(channel), ["x", 1]);
    assert.equal(await ann.state(), "connected");
  });

  test("a user with two tabs is one member, until the last tab disconnects", async () => {
    const channel = unique("presence-a");
    const ann = await open(app, "ann");
    assert.deepEqual(await ann.join(channel), present("ann"));
    const tab = await open(app, "ben");
    assert.deepEqual(await tab.join(channel), present("ben", "ann"));
    const other = await open(app, "ben");
    assert.deepEqual(await other.join(channel), present("ben", "ann"));
    assert.deepEqual(await ann.next(channel), [ADDED, { id: "ben", info: info("ben") }]);
    assert.deepEqual(await app.get(`/channels/${channel}/users`), {
      users: [{ id: "ann" }, { id: "ben" }],
    });

    await tab.disconnect();
    await app.waitForSubscriptions(channel, 2);
    await other.trigger(channel, "client-typing", 1);
    assert.deepEqual(await ann.next(channel), ["client-typing", 1, "ben"]);
    assert.deepEqual(Object.keys(await ann.members(channel)), ["ann", "ben"]);

    await other.disconnect();
    const startedAt = Date.now();
    assert.deepEqual(await ann.next(channel), [REMOVED, { id: "ben", info: info("ben") }]);
    assert(Date.now() - startedAt < 5_000, "a clean close must not wait for the grace period");
    assert.deepEqual(Object.keys(await ann.members(channel)), ["ann"]);
  });

  test("a member who unsubscribes is removed at once, and is added again", async () => {
    const channel = unique("presence-a");
    const [ann, ben] = await Promise.all([open(app, "ann"), open(app, "ben")]);
    for (const client of [ann, ben]) await client.join(channel);
    const member = { id: "ben", info: info("ben") };
    assert.deepEqual(await ann.next(channel), [ADDED, member]);
    await ben.unsubscribe(channel);
    assert.deepEqual(await ann.next(channel), [REMOVED, member]);
    assert.deepEqual(await ben.join(channel), present("ben", "ann"));
    assert.deepEqual(await ann.next(channel), [ADDED, member]);
  });

  test("a channel that is left and joined at once is live once", async () => {
    const channel = unique("a");
    const ann = await open(app, "ann");
    await ann.join(channel);
    for (let n = 0; n < 5; n++) {
      await ann.unsubscribe(channel);
      assert.deepEqual(await ann.join(channel), [SUCCEEDED, {}]);
    }
    for (const n of [1, 2]) await app.sdk.trigger(channel, "x", n);
    assert.deepEqual(
      [await ann.next(channel), await ann.next(channel)],
      [
        ["x", 1],
        ["x", 2],
      ],
    );
    assert.deepEqual(await ann.unread(channel), []);
  });

  test("a user who is signed in receives the events for the user on each tab", async () => {
    const user = unique("user");
    const tabs = await Promise.all([open(app, user), open(app, user)]);
    const other = await open(app, unique("user"));
    for (const client of [...tabs, other]) {
      await client.signIn();
      assert.equal((await client.next("user"))[0], "signed in");
    }
    await app.waitForSignedIn(user, 2);
    await app.sdk.sendToUser(user, "paid", { amount: 5 });
    for (const tab of tabs) assert.deepEqual(await tab.next("user"), ["paid", { amount: 5 }]);
    assert.deepEqual(await other.unread("user"), []);
  });

  test("a user whose connections are terminated stays disconnected", async () => {
    const user = unique("user");
    const tabs = await Promise.all([open(app, user), open(app, user)]);
    for (const tab of tabs) {
      await tab.signIn();
      await tab.next("user");
    }
    await app.waitForSignedIn(user, 2);
    await app.sdk.terminateUserConnections(user);
    for (const tab of tabs) {
      await tab.until("states", "disconnected");
      assert.equal(await tab.next("errors"), 4009);
    }
    // Another client disconnects and connects again meanwhile.
    const ann = await open(app, "ann");
    const channel = unique("a");
    await ann.join(channel);
    await app.runtime.evictAndClose(channel);
    await ann.next(channel);
    for (const tab of tabs) {
      assert.equal(await tab.state(), "disconnected");
      assert.deepEqual(await tab.unread("states"), []);
    }
  });

  test("a client pings when the server is silent, and receives a pong", async () => {
    const ann = await open(app, "ann", { activityTimeout: 300, pongTimeout: 5_000 });
    for (let n = 0; n < 2; n++) assert.equal(await ann.next("pongs"), "pusher:pong");
    assert.equal(await ann.state(), "connected");
  });

  test("a client of a room that moves connects again at once, and subscribes again", async () => {
    const [moved, other] = [unique("a"), unique("private-a")];
    const ann = await open(app, "ann");
    for (const channel of [moved, other]) await ann.join(channel);
    const before = await ann.socketId();
    await app.runtime.evictAndClose(moved);
    assert.equal(await ann.next("errors"), 4200);
    for (const channel of [moved, other])
      assert.deepEqual(await ann.next(channel), [SUCCEEDED, {}]);
    assert.notEqual(await ann.socketId(), before);
    await app.sdk.trigger([moved, other], "x", 1);
    for (const channel of [moved, other]) assert.deepEqual(await ann.next(channel), ["x", 1]);
  });
}
