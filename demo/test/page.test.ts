import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, afterEach, before, describe, it } from "node:test";
import type { AxeResults } from "axe-core";
import type { Page } from "playwright-core";
import type { Board } from "./board.ts";
import { desktop, phone } from "./screens.ts";
import { needsBrowser, Stage } from "./stage.ts";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

describe("the page", needsBrowser, () => {
  let stage: Stage;
  before(async () => void (stage = await Stage.set()));
  afterEach(() => stage?.closeWindows());
  after(() => stage?.strike());

  for (const [screen, options] of Object.entries({ desktop, phone })) {
    for (const colorScheme of ["light", "dark"] as const) {
      it(`can be used by everyone, on a ${screen}, ${colorScheme}`, async () => {
        const board = await stage.open({ ...options, colorScheme });
        const { event } = await board.comesTo(1);
        await assertAccessible(board);

        await board.offlineSwitch.click();
        await board.is("Offline");
        await stage.comesTo(event + 20);
        await assertAccessible(board);

        await board.offlineSwitch.click();
        await board.hears("none missing");
        await assertAccessible(board);
      });
    }

    it(`never shifts, on a ${screen}`, async () => {
      const board = await stage.open({ ...options, prepare: countShifts });
      const { event } = await board.comesTo(1);
      await board.comesTo(event + 20);
      await board.offlineSwitch.click();
      await board.is("Offline");
      const seq = await board.lastSeq();
      await stage.comesTo(seq + 10);
      await board.offlineSwitch.click();
      await board.comesTo(seq + 20);

      assert.deepEqual(await board.page.evaluate(() => shifts), []);
      // The observer works: here is one.
      await board.page.evaluate(() => document.body.prepend("Move over!"));
      await board.page.waitForFunction(() => shifts.length > 0);
    });
  }

  it("is there before any script has run", async () => {
    const { page } = await stage.open({ javaScriptEnabled: false });
    await page.getByRole("heading", { name: "Live cargo board" }).waitFor();
    await page.getByText("Connecting").waitFor();
    await page.getByRole("table", { name: "Shipments" }).waitFor();
  });

  it("can be used by keyboard", async () => {
    const board = await stage.open();
    await board.comesTo(1);
    await board.page.keyboard.press("Tab");
    await board.page.keyboard.press("Space");
    await board.is("Offline");
    await board.page.keyboard.press("Space");
    await board.is("Live");
  });

  it("stands still for who wants that", async () => {
    const board = await stage.open({ reducedMotion: "reduce" });
    await board.comesTo(1);
    const moving = await board.page.evaluate(() => document.getAnimations().length);
    assert.equal(moving, 0);
  });
});

/** What the page's own observer of layout shifts has seen; those by which it answers a click included. */
declare const shifts: unknown[];

async function countShifts(page: Page): Promise<void> {
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

async function assertAccessible({ page }: Board): Promise<void> {
  await page.addScriptTag({ path: AXE });
  const { violations }: AxeResults = await page.evaluate("axe.run()");
  assert.deepEqual(
    violations.map(({ id, nodes }) => [id, ...nodes.map(({ html }) => html)]),
    [],
  );
}
