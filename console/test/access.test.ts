import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, afterEach, before, describe, it } from "node:test";
import type { AxeResults } from "axe-core";
import { desktop, phone } from "../../demo/test/screens.ts";
import { Environment, needsBrowser, tokenFor, type ConsolePage } from "./environment.ts";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const ROOM = "access:1";

describe("the console", needsBrowser, () => {
  let environment: Environment;
  before(async () => {
    environment = await Environment.start();
    await environment.publish(ROOM, { name: "said", key: "k", data: { text: "Hello", n: [1] } });
    await environment.enter("ann", ROOM);
  });
  afterEach(() => environment?.closeWindows());
  after(() => environment?.stop());
  const token = tokenFor("ops");

  for (const [screen, options] of Object.entries({ desktop, phone })) {
    for (const colorScheme of ["light", "dark"] as const) {
      it(`has no accessibility violations on a ${screen} in ${colorScheme} mode`, async () => {
        const window = await environment.open({ ...options, colorScheme });
        await assertAccessible(window);
        await window.signIn("x.y.z");
        await window.page.getByRole("alert").waitFor();
        await assertAccessible(window);
        await window.signIn(token);
        await window.row(ROOM).waitFor();
        await window.page.getByText("Table").first().click();
        await assertAccessible(window);
        await window.openRoom(ROOM);
        await window.event("said").getByRole("button").first().click();
        await window.page.getByText("of which 1 have entered").waitFor();
        await assertAccessible(window);
        await window.button("Erase room…").click();
        await window.button("Erase").click();
        await window.page.getByRole("alert").waitFor();
        await assertAccessible(window);
      });
    }
  }

  it("fits a phone that is 360 pixels wide", async () => {
    const window = await environment.open({ ...phone, viewport: { width: 360, height: 740 } });
    const assertFits = async (): Promise<void> => {
      const width = await window.page.evaluate(() => document.documentElement.scrollWidth);
      assert.equal(width, 360);
    };
    await assertFits();
    await window.signIn(token);
    await window.row(ROOM).waitFor();
    await assertFits();
    await window.openRoom(ROOM);
    await window.event("said").getByRole("button").first().click();
    await assertFits();
    await window.button("Erase room…").click();
    await assertFits();
  });

  it("violates no policy", async () => {
    const window = await environment.open({ token });
    await window.openRoom(ROOM);
    await window.button("Sign out").click();
    await window.page.getByLabel("Admin token").waitFor();
    assert.deepEqual(window.errors, []);
    // Causes a real violation, to check that violations are found.
    await window.page.evaluate(() => {
      const script = document.createElement("script");
      script.textContent = "1";
      document.body.append(script);
    });
    await window.page.waitForFunction(() => true);
    assert.match(window.errors.join(), /Content Security Policy/);
  });

  it("can be used with the keyboard alone", async () => {
    const window = await environment.open();
    const { keyboard } = window.page;
    const pressUntil = async (key: string, name: string): Promise<void> => {
      for (let presses = 0; presses < 60; presses++) {
        await keyboard.press(key);
        const focused = await window.page.evaluate(() => {
          const element = document.activeElement;
          const labels = (element as HTMLInputElement | null)?.labels;
          return labels?.[0]?.textContent ?? element?.textContent ?? "";
        });
        if (focused === name) return;
      }
      assert.fail(`${name} was not reached`);
    };
    // The field has the focus as soon as it is there.
    await window.page.getByLabel("Admin token").waitFor();
    await keyboard.type(token);
    await keyboard.press("Enter");
    await window.row(ROOM).waitFor();
    await pressUntil("Tab", "Skip to the content");
    await keyboard.press("Enter");
    await pressUntil("Tab", "Name contains");
    await keyboard.type("access");
    await window.waitForRooms(ROOM);
    await pressUntil("Tab", "Last report");
    await keyboard.press("Enter");
    await pressUntil("Tab", ROOM);
    await keyboard.press("Enter");
    await window.page.getByText("Live", { exact: true }).waitFor();
    await window.event("said").waitFor();

    await pressUntil("Tab", "Pause");
    await keyboard.press("Space");
    await window.button("Continue").waitFor();
    await keyboard.press("Space");
    await pressUntil("Tab", "Name");
    await keyboard.press("Control+A");
    await keyboard.type("typed");
    await keyboard.press("Enter");
    await window.waitForMessage("Published typed");
    await pressUntil("Tab", "Erase room…");
    await keyboard.press("Enter");
    await window.page.getByRole("dialog").waitFor();
    await keyboard.press("Escape");
    await window.page.getByRole("dialog").waitFor({ state: "detached" });
    const focused = await window.page.evaluate(() => document.activeElement?.textContent);
    assert.equal(focused, "Erase room…");
    await pressUntil("Shift+Tab", "← All rooms");
    await keyboard.press("Enter");
    await window.row(ROOM).waitFor();
    await window.page.waitForFunction(() => document.activeElement?.id === "main");
  });

  it("has no animations if the user prefers reduced motion", async () => {
    const window = await environment.open({ token, reducedMotion: "reduce" });
    await window.openRoom(ROOM);
    assert.equal(await window.page.evaluate(() => document.getAnimations().length), 0);
  });
});

async function assertAccessible({ page }: ConsolePage): Promise<void> {
  // Not a script element, which the page's policy forbids.
  await page.evaluate(AXE);
  const { violations }: AxeResults = await page.evaluate("axe.run()");
  assert.deepEqual(
    violations.map(({ id, nodes }) => [id, ...nodes.map(({ html }) => html)]),
    [],
  );
}
