/** Runs pusher-js while its server, its page or its app changes. */
import assert from "node:assert/strict";
import { after, afterEach, describe, test, type TestContext } from "node:test";
import { App } from "./app.ts";
import { describePlatforms, InChromium, needsBrowser, type Platform } from "./platforms.ts";

const SUCCEEDED = ["pusher:subscription_succeeded", {}];
const ADDED = ["pusher:member_added", { id: "ben", info: { name: "the ben" } }];
const REMOVED = ["pusher:member_removed", { id: "ben", info: { name: "the ben" } }];

async function start(t: TestContext, fields?: object): Promise<App> {
  const app = await App.start(fields);
  t.after(() => app.stop());
  return app;
}

const chromium = new InChromium();
after(() => chromium.stop());

describePlatforms(chromium, testsOn);

function testsOn(platform: Platform): void {
  test("connects again after the server restarts, and subscribes again", async (t) => {
    const app = await start(t);
    const ann = await platform.open(app, "ann");
    const channels = ["news", "private-a", "presence-a"];
    for (const channel of channels) await ann.join(channel);
    await ann.until("states", "connected");

    await app.runtime.kill();
    await app.runtime.restart();
    await ann.until("states", "connected");
    for (const channel of channels) assert.equal((await ann.next(channel))[0], SUCCEEDED[0]);
    await app.sdk.trigger(channels, "x", 1);
    for (const channel of channels) assert.deepEqual(await ann.next(channel), ["x", 1]);
  });

  test("is sent the number of subscriptions, if the app has it", async (t) => {
    const app = await start(t, { subscription_count: true });
    const ann = await platform.open(app, "ann");
    const count = (n: number) => ["pusher:subscription_count", { subscription_count: n }];
    assert.deepEqual(await ann.join("news"), SUCCEEDED);
    assert.deepEqual(await ann.next("news"), count(1));
    const ben = await platform.open(app, "ben");
    await ben.join("news");
    assert.deepEqual(await ann.next("news"), count(2));
    await ben.disconnect();
    assert.deepEqual(await ann.next("news"), count(1));
  });

  test("may not send client events, unless the app allows them", async (t) => {
    const app = await start(t, {});
    const ann = await platform.open(app, "ann");
    await ann.join("private-a");
    await ann.trigger("private-a", "client-typing", 1);
    assert.equal(await ann.next("errors"), 4300);
    assert.equal(await ann.state(), "connected");
  });

  test("stays disconnected with a key that no app has", async (t) => {
    const app = await start(t, { key: "another-key" });
    const ann = await platform.open(app, "ann");
    assert.equal(await ann.next("errors"), 4001);
    await ann.until("states", "disconnected");
    assert.deepEqual(await ann.unread("states"), []);
  });
}

describe("a page in Chromium", needsBrowser, () => {
  afterEach(() => chromium.closeClients());

  test("of another origin stays disconnected, if the app lists its origins", async (t) => {
    const app = await start(t, { origins: ["https://shop.example"] });
    const ann = await chromium.open(app, "ann");
    assert.equal(await ann.next("errors"), 4009);
    await ann.until("states", "disconnected");
  });

  test("that reloads stays a member, and is removed some seconds after its tab closes", async (t) => {
    const app = await start(t);
    const ann = await chromium.open(app, "ann");
    await ann.join("presence-a");
    const ben = await chromium.open(app, "ben");
    await ben.join("presence-a");
    assert.deepEqual(await ann.next("presence-a"), ADDED);

    await chromium.reload(ben, app, "ben");
    await ben.join("presence-a");
    await ben.trigger("presence-a", "client-typing", 1);
    assert.deepEqual(await ann.next("presence-a"), ["client-typing", 1, "ben"]);

    await chromium.closeTab(ben);
    assert.deepEqual(await ann.next("presence-a"), REMOVED);
  });
});
