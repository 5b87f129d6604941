import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import type { Page } from "playwright-core";
import type { Board } from "./board.ts";
import { isOwn, type Inbox } from "./inbox.ts";
import { needsBrowser, Stage } from "./stage.ts";

describe("the bell", needsBrowser, () => {
  let stage: Stage;
  before(async () => void (stage = await Stage.set()));
  afterEach(() => stage?.closeWindows());
  after(() => stage?.strike());

  it("is rung by the backend when a shipment is held, and leads to the page of all that was", async () => {
    const { page, errors } = await stage.open();
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

  it("tells every window of a user what comes and what was read, and nobody else", async () => {
    const one = await stage.openInbox();
    const user = await stage.visitorOf(one);
    const other = await stage.openInbox({ beside: one });
    const board = await stage.open({ beside: one });
    const stranger = await stage.openInbox();
    assert.notEqual(await stage.visitorOf(stranger), user);

    await stage.ring(user, "X-1", "X-2", "X-3");
    for (const inbox of [one, other]) await inbox.hasUnread("X-3", "X-2", "X-1");
    await agree(board, one);

    await one.markRead("X-2");
    for (const inbox of [one, other]) await inbox.hasUnread("X-3", "X-1");
    await agree(board, one);

    await other.button("Mark all as read").click();
    for (const inbox of [one, other]) await inbox.hasUnread();
    await agree(board, one);
    await one.notification("X-2").waitFor();
    assert.equal(await stranger.notification("X-").count(), 0);
    for (const { errors } of [one, other, board, stranger]) assert.deepEqual(errors, []);
  });

  it("knows in a new window what was read, and what was not", async () => {
    const one = await stage.openInbox();
    const user = await stage.visitorOf(one);
    await stage.ring(user, "X-1", "X-2");
    // It is shown as read before the backend has heard of it.
    const marked = one.page.waitForResponse("**/api/read**");
    await one.markRead("X-1");
    await marked;
    await one.page.close();
    await stage.ring(user, "X-3");

    const later = await stage.openInbox({ beside: one });
    await later.hasUnread("X-3", "X-2");
    await later.notification("X-1").waitFor();
    await later.button("Unread only").click();
    await later.notification("X-1").waitFor({ state: "detached" });
    await later.hasUnread("X-3", "X-2");
  });

  it("keeps as unread what could not be marked", async () => {
    const inbox = await stage.openInbox();
    await stage.ring(await stage.visitorOf(inbox), "X-1");
    await inbox.page.route("**/api/read**", (route) => route.abort());
    await inbox.markRead("X-1");
    await inbox.page.getByText("Not marked as read").waitFor();
    await inbox.hasUnread("X-1");

    await inbox.page.unroute("**/api/read**");
    await inbox.markRead("X-1");
    await inbox.hasUnread();
    await inbox.page.getByText("Not marked as read").waitFor({ state: "detached" });
  });

  it("asks for the browser's notifications at a click alone, and has them when nobody looks", async () => {
    const inbox = await stage.openInbox({ prepare: recordNotifications });
    const user = await stage.visitorOf(inbox);
    await stage.ring(user, "X-1");
    await inbox.hasUnread("X-1");
    assert.deepEqual(await recorded(inbox), { asked: 0, shown: [] });

    await inbox.button("Show them while I look elsewhere").click();
    await inbox.page.getByText("Your browser shows them").waitFor();
    await stage.ring(user, "X-2");
    await inbox.hasUnread("X-2", "X-1");
    assert.deepEqual(await recorded(inbox), { asked: 1, shown: [] });

    await inbox.page.evaluate(() => Object.defineProperty(document, "hidden", { value: true }));
    await stage.ring(user, "X-3");
    await inbox.hasUnread("X-3", "X-2", "X-1");
    assert.deepEqual(await recorded(inbox), { asked: 1, shown: ["X-3 is delayed"] });
  });
});

/** Resolves when the board's bell says what the page of the notifications says. */
async function agree(board: Board, inbox: Inbox): Promise<void> {
  for (;;) {
    const heading = await inbox.page.getByRole("heading", { level: 2 }).textContent();
    const bell = board.page.getByRole("link", { name: `Notifications, ${heading}`, exact: true });
    if ((await bell.count()) === 1) return;
    await board.page.evaluate(() => new Promise(requestAnimationFrame));
  }
}

interface Recorded {
  readonly asked: number;
  readonly shown: readonly string[];
}

/** A browser without a screen has no notifications: this one notes what it is told to show. */
async function recordNotifications(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const recorded = { asked: 0, shown: [] as string[] };
    class Notification {
      static permission = "default";
      static async requestPermission(): Promise<string> {
        recorded.asked++;
        return (Notification.permission = "granted");
      }
      constructor(title: string) {
        recorded.shown.push(title);
      }
    }
    Object.assign(globalThis, { recorded, Notification });
  });
}

/** Of what is shown, the test's own. */
async function recorded({ page }: Inbox): Promise<Recorded> {
  const { asked, shown } = await page.evaluate<Recorded>("recorded");
  return { asked, shown: shown.filter(isOwn) };
}
