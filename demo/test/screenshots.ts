// node test/screenshots.ts
//
// Takes the screenshots in docs/images/. The board (after a short outage) and the notifications are
// shown on a desktop and on a phone, each in light and in dark colors. Another screenshot shows two
// windows of the board side by side.
import { fileURLToPath } from "node:url";
import type { BoardPage } from "./boardPage.ts";
import { ada, bruno, DemoEnvironment, type OpenOptions, tokenFor } from "./environment.ts";
import type { PageObject } from "./pageObject.ts";
import { desktop, phone } from "./screens.ts";

const directory = fileURLToPath(new URL("../../docs/images/", import.meta.url));
const screens = Object.entries({ desktop, phone }).flatMap(([name, screen]) => [
  { name: `${name}-light`, ...screen, colorScheme: "light" as const },
  { name: `${name}-dark`, ...screen, colorScheme: "dark" as const },
]);

const demo = await DemoEnvironment.start();
try {
  // This visitor exists from the start, and therefore receives the most notifications.
  const early = await demo.openInbox();
  await demo.visitorOf(early);
  const cookies = await early.page.context().cookies();

  await demo.waitForEvent(200);
  await screenshotTogether("together");
  await demo.closeWindows();

  for (const { name, ...screen } of screens) {
    const board = await demo.open(screen);
    await board.waitForEvent(1);
    await board.offlineSwitch.click();
    await board.waitForStatus("Offline");
    await demo.waitForEvent((await board.lastSeq()) + 4);
    await board.offlineSwitch.click();
    await board.waitForAnnouncement("replayed");
    await board.waitForEvent((await board.lastSeq()) + 1);
    // Moves the pointer away from the switch, so that the screenshot does not show the switch's
    // hover state.
    await board.page.mouse.move(0, 0);
    await screenshot(`board-${name}`, board);
    await demo.closeWindows();
  }

  await demo.waitForEvent(420);
  for (const { name, ...screen } of screens) {
    await demo.open(ada);
    const inbox = await demo.openInbox({
      ...screen,
      async prepare(page) {
        await page.context().addCookies(cookies);
        // Replaces the permission, because a headless browser always denies notifications.
        await page.addInitScript("Notification = { permission: 'default' }");
      },
    });
    const read = inbox.page.locator("[data-unread=true]:nth-child(n + 4) button");
    await inbox.page.locator("[data-unread]").nth(4).waitFor();
    while ((await read.count()) > 0) await read.first().click();
    await screenshot(`bell-${name}`, inbox);
    await demo.closeWindows();
  }
} finally {
  await demo.stop();
}

async function screenshot(name: string, { page }: PageObject): Promise<void> {
  const path = `${directory}${name}.png`;
  await page.screenshot({ path, animations: "disabled" });
  console.log(path);
}

/**
 * Takes a screenshot of two windows side by side. Each window shows the pointer of the other
 * window's user.
 */
async function screenshotTogether(name: string): Promise<void> {
  const size = { width: 1080, height: 780 };
  const open = (visit: OpenOptions): Promise<BoardPage> => demo.open({ ...visit, viewport: size });
  const one = await open({ ...ada, colorScheme: "light" });
  const other = await open({ ...bruno, colorScheme: "dark" });
  const third = await open({ token: () => tokenFor("hana-ito-0007") });
  await one.waitForUsers("Ada Moreno", "Bruno Berg", "Hana Ito");

  const lines: [BoardPage, string][] = [
    [other, "When will the telescope arrive in Houston?"],
    [one, "S-1035 is in flight to Houston."],
    [one, "The table shows the arrival time."],
    [third, "It departed late from Las Vegas."],
    [other, "Thanks, I will tell the customer."],
  ];
  for (const [board, text] of lines) {
    await board.sendMessage(text);
    for (const each of [one, other, third]) await each.message(text).waitFor();
  }
  await third.composer.pressSequentially("Great");
  await third.pointAt(290, 368);
  await one.pointAt(430, 190);
  await other.pointAt(590, 280);
  for (const board of [one, other]) await board.waitForCursor("Hana Ito", 290, 368);
  await one.waitForCursor("Bruno Berg", 590, 280);
  await other.waitForCursor("Ada Moreno", 430, 190);

  const pictures = await Promise.all(
    [one, other].map(({ page }) => page.screenshot({ animations: "disabled" })),
  );
  const windows = pictures.map(
    (png) => `<img src="data:image/png;base64,${png.toString("base64")}">`,
  );
  const { page } = third;
  await page.setViewportSize({ width: 1600, height: 610 });
  await page.setContent(`
    <style>
      body { display: flex; gap: 24px; margin: 0; padding: 32px; background: #c9d2de }
      img { width: 756px; border-radius: 12px; box-shadow: 0 12px 32px #0004 }
    </style>
    ${windows.join("")}`);
  await screenshot(name, third);
}
