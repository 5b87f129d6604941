import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, afterEach, before, describe, it } from "node:test";
import type { AxeResults } from "axe-core";
import type { Page } from "playwright-core";
import type { BoardPage } from "./boardPage.ts";
import { ada, bruno, DemoEnvironment, needsBrowser, waitForEachOther } from "./environment.ts";
import type { InboxPage } from "./inboxPage.ts";
import type { PageObject } from "./pageObject.ts";
import { desktop, phone } from "./screens.ts";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

describe("the page", needsBrowser, () => {
  let demo: DemoEnvironment;
  before(async () => void (demo = await DemoEnvironment.start()));
  afterEach(() => demo?.closeWindows());
  after(() => demo?.stop());

  for (const [screen, options] of Object.entries({ desktop, phone })) {
    for (const colorScheme of ["light", "dark"] as const) {
      it(`has no accessibility violations on a ${screen} in ${colorScheme} mode`, async () => {
        const board = await demo.open({ ...ada, ...options, colorScheme });
        const other = await demo.open(bruno);
        const { seq } = await board.waitForEvent(1);
        await simulateActivity(board, other);
        await assertAccessible(board);

        await board.offlineSwitch.click();
        await board.waitForStatus("Offline");
        await board.sendMessage("Sent while offline");
        await demo.waitForEvent(seq + 20);
        await assertAccessible(board);

        await board.offlineSwitch.click();
        await board.waitForAnnouncement("none lost");
        await assertAccessible(board);
      });

      it(`has accessible notifications on a ${screen} in ${colorScheme} mode`, async () => {
        const inbox = await demo.openInbox({ ...options, colorScheme });
        await assertAccessible(inbox);
        await notify(inbox, "X-1", "X-2");
        await inbox.markRead("X-1");
        await inbox.waitForUnread("X-2");
        await assertAccessible(inbox);
      });
    }

    it(`has no layout shifts on a ${screen}`, async () => {
      const board = await demo.open({ ...ada, ...options, prepare: recordLayoutShifts });
      const other = await demo.open(bruno);
      const first = await board.waitForEvent(1);
      await simulateActivity(board, other);
      for (let n = 1; n <= 20; n++) await other.sendMessage(`${screen} ${n}`);
      await board.message(`${screen} 20`).waitFor();
      await board.scrollTo(`${screen} 1`);
      // Messages added or removed in the same frame as a scroll would count as a layout shift.
      await board.waitForPaint();
      await other.sendMessage(`while you read on a ${screen}`);
      await board.message(`while you read on a ${screen}`).waitFor({ state: "attached" });
      await board.waitForEvent(first.seq + 20);

      await board.offlineSwitch.click();
      await board.waitForStatus("Offline");
      const seq = await board.lastSeq();
      await demo.waitForEvent(seq + 10);
      await board.offlineSwitch.click();
      await board.waitForEvent(seq + 20);
      await assertNoLayoutShift(board);
    });

    it(`has no layout shifts when notifications arrive on a ${screen}`, async () => {
      const inbox = await demo.openInbox({ ...options, prepare: recordLayoutShifts });
      await notify(inbox, "X-1", "X-2");
      await inbox.markRead("X-1");
      await notify(inbox, "X-3");
      await inbox.waitForUnread("X-3", "X-2");
      await inbox.button("Unread only").click();
      await inbox.button("Mark all as read").click();
      await inbox.waitForUnread();
      await assertNoLayoutShift(inbox);
    });
  }

  it("fits a phone that is 375 pixels wide", async () => {
    const narrow = { viewport: { width: 375, height: 667 } };
    const board = await demo.open({ ...ada, ...phone, ...narrow });
    await board.waitForEvent(1);
    const inbox = await demo.openInbox({ ...phone, ...narrow });
    await notify(inbox, "X-1");
    await inbox.waitForUnread("X-1");
    for (const { page } of [board, inbox]) {
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 375);
    }
  });

  it("is visible without JavaScript", async () => {
    const { page } = await demo.open({ javaScriptEnabled: false });
    await page.getByRole("heading", { name: "Live cargo board" }).waitFor();
    await page.getByText("Connecting").waitFor();
    await page.getByRole("table", { name: "Shipments" }).waitFor();
    await page.getByRole("textbox", { name: "Message" }).waitFor();
    const inbox = await demo.openInbox({ javaScriptEnabled: false });
    await inbox.page.getByRole("heading", { name: "Notifications" }).waitFor();
  });

  it("can be used with the keyboard alone", async () => {
    const board = await demo.open(ada);
    await board.waitForEvent(1);
    const { keyboard } = board.page;
    await keyboard.press("Tab"); // Moves to the bell.
    await keyboard.press("Tab");
    await keyboard.press("Space");
    await board.waitForStatus("Offline");
    await keyboard.press("Space");
    await board.waitForStatus("Connected");

    await keyboard.press("Tab"); // Moves to the events.
    await keyboard.press("Tab"); // Moves to the chat messages.
    await keyboard.press("Tab");
    await keyboard.type("Without a mouse");
    await keyboard.press("Enter");
    await board.message("Without a mouse").waitFor();
  });

  it("has no animations if the user prefers reduced motion", async () => {
    const board = await demo.open({ ...ada, reducedMotion: "reduce" });
    const other = await demo.open(bruno);
    await board.waitForEvent(1);
    await simulateActivity(board, other);
    const moving = await board.page.evaluate(() => document.getAnimations().length);
    assert.equal(moving, 0);
  });

  /** Makes the other user move the pointer, send a message, and start to type the next message. */
  async function simulateActivity(board: BoardPage, other: BoardPage): Promise<void> {
    await waitForEachOther(board, other);
    await other.pointAt(300, 200);
    await board.waitForCursor("Bruno Berg", 300, 200);
    await other.sendMessage("Where is S-1013?");
    await board.message("Where is S-1013?").last().waitFor();
    await other.composer.fill("And");
    await board.page.getByText("Bruno Berg is typing").waitFor();
  }

  async function notify(inbox: InboxPage, ...shipments: string[]): Promise<void> {
    await demo.notify(await demo.visitorOf(inbox), ...shipments);
  }
});

/** Layout shifts recorded in the page, including shifts right after user input. */
declare const shifts: [value: number, ...html: unknown[]][];

async function recordLayoutShifts(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const shifts: unknown[] = [];
    Object.assign(globalThis, { shifts });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as any[]) {
        const sources = entry.sources.map(({ node }: { node?: Node }) =>
          node?.parentElement?.outerHTML.slice(0, 200),
        );
        shifts.push([entry.value, ...sources]);
      }
    }).observe({ type: "layout-shift", buffered: true });
  });
}

/**
 * Highest allowed score. One line of text reaches this score when rounding moves it by one or two
 * pixels.
 */
const MAX_ROUNDING_SHIFT = 0.0001;

async function assertNoLayoutShift({ page }: PageObject): Promise<void> {
  const seen = await page.evaluate(() => shifts);
  assert.deepEqual(
    seen.filter(([value]) => value > MAX_ROUNDING_SHIFT),
    [],
  );
  // Causes a real shift, to check that the observer works.
  await page.evaluate(() => document.body.prepend("This text shifts the page."));
  await page.waitForFunction((before) => shifts.length > before, seen.length);
}

async function assertAccessible({ page }: PageObject): Promise<void> {
  await page.addScriptTag({ path: AXE });
  // Disables all transitions, because the contrast in the middle of a transition is meaningless.
  const content =
    "*, ::before, ::after { animation: none !important; transition: none !important }";
  await page.addStyleTag({ content });
  const { violations }: AxeResults = await page.evaluate("axe.run()");
  assert.deepEqual(
    violations.map(({ id, nodes }) => [id, ...nodes.map(({ html }) => html)]),
    [],
  );
}
