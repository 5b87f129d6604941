/** Runs the hooks of `@laravel/echo-react` under React's strict mode in Chromium. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Page } from "playwright-core";
import { App, KEY } from "./app.ts";
import { InChromium, needsBrowser } from "./platforms.ts";

const EVENTS = 20;

describe("the hooks of Laravel Echo under strict mode", needsBrowser, () => {
  const chromium = new InChromium();
  let app: App;
  let page: Page;
  before(async () => {
    app = await App.start({ client_events: true });
    page = await chromium.newTab();
    await page.goto(`${app.siteUrl}/hooks.html`);
    const options = { broadcaster: "reverb", key: KEY, ...app.options("ann") };
    await page.evaluate((options) => (globalThis as any).start(options), options);
    await untilStatus("connected");
  });
  after(async () => {
    await chromium.stop();
    await app?.stop();
  });

  const call = (name: string, ...args: string[]): Promise<any> =>
    page.evaluate(([name, args]) => (globalThis as any)[name](...args), [name, args] as const);
  const next = (component: string): Promise<any> => call("next", component);

  async function untilStatus(status: string): Promise<void> {
    while ((await next("Status")) !== status);
  }

  /** Checks that a component receives each event once, in order, and no other. */
  async function checkEvents(component: string, channel: string, event: string): Promise<void> {
    for (let n = 0; n < EVENTS; n++) await app.sdk.trigger(channel, event, { n });
    for (let n = 0; n < EVENTS; n++) assert.deepEqual(await next(component), { n });
    assert.deepEqual(await call("unread", component), []);
  }

  for (const [hook, component, channel, event] of [
    ["useEcho", "Private", "private-orders", "App\\Events\\OrderShipped"],
    ["useEchoPublic", "Public", "news", "App\\Events\\Published"],
    ["useEchoPresence", "Presence", "presence-chat", "App\\Events\\Said"],
    ["useEchoModel", "Model", "private-App.Models.User.7", "UserUpdated"],
  ] as const)
    test(`${hook} receives each event once, and leaves its channel`, async () => {
      // The second time, the page subscribes to a channel that it has left.
      for (let times = 0; times < 2; times++) {
        await call("show", component);
        await call("subscribed", channel);
        await checkEvents(component, channel, event);
        await call("show");
        await app.waitForSubscriptions(channel, 0);
      }
    });

  test("useEcho receives several events, and another component keeps the channel", async () => {
    await call("show", "Private", "Other");
    await call("subscribed", "private-orders");
    await app.sdk.trigger("private-orders", "order.paid", { n: 1 });
    await checkEvents("Other", "private-orders", "App\\Events\\OrderShipped");
    assert.deepEqual(await next("Private"), { n: 1 });

    await call("show", "Private");
    for (let n = 0; n < EVENTS; n++) assert.deepEqual(await next("Private"), { n });
    await checkEvents("Private", "private-orders", "order.paid");
    assert.deepEqual(await call("unread", "Other"), []);
    await call("show");
    await app.waitForSubscriptions("private-orders", 0);
  });

  test("useEcho that is hidden and shown at once is subscribed once", async () => {
    await call("show", "Public");
    await call("subscribed", "news");
    for (let n = 0; n < 5; n++) {
      await page.evaluate(() => {
        const { show } = globalThis as any;
        show();
        show("Public");
      });
    }
    await call("subscribed", "news");
    await checkEvents("Public", "news", "App\\Events\\Published");
    assert.equal(
      (await app.get("/channels/news", { info: "subscription_count" })).subscription_count,
      1,
    );
    await call("show");
    await app.waitForSubscriptions("news", 0);
  });

  test("useEchoNotification receives a notification of its type", async () => {
    const channel = "private-App.Models.User.7";
    const event = "Illuminate\\Notifications\\Events\\BroadcastNotificationCreated";
    await call("show", "Notification");
    await call("subscribed", channel);
    await app.sdk.trigger(channel, event, { type: "App\\Notifications\\Other", id: "1" });
    const paid = { type: "App\\Notifications\\Paid", id: "2" };
    await app.sdk.trigger(channel, event, paid);
    assert.deepEqual(await next("Notification"), paid);
    assert.deepEqual(await call("unread", "Notification"), []);
  });

  test("useConnectionStatus shows that the connection is lost and restored", async () => {
    await call("show", "Public");
    await call("subscribed", "news");
    await app.runtime.evictAndClose("news");
    assert.equal(await next("Status"), "connecting");
    await untilStatus("connected");
  });
});
