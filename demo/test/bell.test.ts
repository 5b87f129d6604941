import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import type { Page } from "playwright-core";
import type { BoardPage } from "./boardPage.ts";
import { DemoEnvironment, needsBrowser } from "./environment.ts";
import { isTestShipment, type InboxPage } from "./inboxPage.ts";

describe("notifications", needsBrowser, () => {
  let demo: DemoEnvironment;
  before(async () => void (demo = await DemoEnvironment.start()));
  afterEach(() => demo?.closeWindows());
  after(() => demo?.stop());

  it("are counted on the bell after a delay, and the bell links to their page", async () => {
    const { page, errors } = await demo.open();
    const bell = page.getByRole("link", { name: /^Notifications, [1-9]\d* unread$/ });
    await bell.waitFor();
    await bell.click();
    await page
      .getByRole("heading", { name: /^S-\d+ is delayed/ })
      .first()
      .waitFor();
    await page.getByRole("link", { name: "Live cargo board" }).click();
    await bell.waitFor();
    assert.deepEqual(errors, []);
  });

  it("appear and are marked as read in every window of their user, but not of another user", async () => {
    const one = await demo.openInbox();
    const user = await demo.visitorOf(one);
    const other = await demo.openInbox({ sameBrowserAs: one });
    const board = await demo.open({ sameBrowserAs: one });
    const stranger = await demo.openInbox();
    assert.notEqual(await demo.visitorOf(stranger), user);

    await demo.notify(user, "X-1", "X-2", "X-3");
    for (const inbox of [one, other]) await inbox.waitForUnread("X-3", "X-2", "X-1");
    await waitForSameCount(board, one);

    await one.markRead("X-2");
    for (const inbox of [one, other]) await inbox.waitForUnread("X-3", "X-1");
    await waitForSameCount(board, one);

    await other.button("Mark all as read").click();
    for (const inbox of [one, other]) await inbox.waitForUnread();
    await waitForSameCount(board, one);
    await one.notification("X-2").waitFor();
    assert.equal(await stranger.notification("X-").count(), 0);
    for (const { errors } of [one, other, board, stranger]) assert.deepEqual(errors, []);
  });

  it("are shown as read or unread in a new window", async () => {
    const one = await demo.openInbox();
    const user = await demo.visitorOf(one);
    await demo.notify(user, "X-1", "X-2");
    // The page shows the notification as read before the backend receives the request.
    const marked = one.page.waitForResponse("**/api/read**");
    await one.markRead("X-1");
    await marked;
    await one.page.close();
    await demo.notify(user, "X-3");

    const later = await demo.openInbox({ sameBrowserAs: one });
    await later.waitForUnread("X-3", "X-2");
    await later.notification("X-1").waitFor();
    await later.button("Unread only").click();
    await later.notification("X-1").waitFor({ state: "detached" });
    await later.waitForUnread("X-3", "X-2");
  });

  it("stay unread if the request to mark them as read fails", async () => {
    const inbox = await demo.openInbox();
    await demo.notify(await demo.visitorOf(inbox), "X-1");
    await inbox.page.route("**/api/read**", (route) => route.abort());
    await inbox.markRead("X-1");
    await inbox.page.getByText("Could not mark as read").waitFor();
    await inbox.waitForUnread("X-1");

    await inbox.page.unroute("**/api/read**");
    await inbox.markRead("X-1");
    await inbox.waitForUnread();
    await inbox.page.getByText("Could not mark as read").waitFor({ state: "detached" });
  });

  it("are shown by the browser only after a click on the button, and only in a hidden tab", async () => {
    const inbox = await demo.openInbox({ prepare: recordNotifications });
    const user = await demo.visitorOf(inbox);
    await demo.notify(user, "X-1");
    await inbox.waitForUnread("X-1");
    assert.deepEqual(await recorded(inbox), { requests: 0, shown: [] });

    await inbox.button("Enable browser notifications").click();
    await inbox.page.getByText("Browser notifications are on").waitFor();
    await demo.notify(user, "X-2");
    await inbox.waitForUnread("X-2", "X-1");
    assert.deepEqual(await recorded(inbox), { requests: 1, shown: [] });

    await inbox.page.evaluate(() => Object.defineProperty(document, "hidden", { value: true }));
    await demo.notify(user, "X-3");
    await inbox.waitForUnread("X-3", "X-2", "X-1");
    assert.deepEqual(await recorded(inbox), { requests: 1, shown: ["X-3 is delayed"] });
  });
});

/** Resolves when the bell on the board shows the same count as the notifications page. */
async function waitForSameCount(board: BoardPage, inbox: InboxPage): Promise<void> {
  for (;;) {
    const heading = await inbox.page.getByRole("heading", { level: 2 }).textContent();
    const bell = board.page.getByRole("link", { name: `Notifications, ${heading}`, exact: true });
    if ((await bell.count()) === 1) return;
    await board.page.evaluate(() => new Promise(requestAnimationFrame));
  }
}

interface Recorded {
  readonly requests: number;
  readonly shown: readonly string[];
}

/** Replaces `Notification`, which a headless browser does not have, and records its use. */
async function recordNotifications(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const recorded = { requests: 0, shown: [] as string[] };
    class Notification {
      static permission = "default";
      static async requestPermission(): Promise<string> {
        recorded.requests++;
        return (Notification.permission = "granted");
      }
      constructor(title: string) {
        recorded.shown.push(title);
      }
    }
    Object.assign(globalThis, { recorded, Notification });
  });
}

/** Returns the recorded notifications of the test's own shipments. */
async function recorded({ page }: InboxPage): Promise<Recorded> {
  const { requests, shown } = await page.evaluate<Recorded>("recorded");
  return { requests, shown: shown.filter(isTestShipment) };
}
