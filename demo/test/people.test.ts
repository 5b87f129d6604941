import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { ada, bruno, DemoEnvironment, needsBrowser, waitForEachOther } from "./environment.ts";
import { fakeClock } from "./pageObject.ts";
import { phone } from "./screens.ts";

describe("presence and pointers", needsBrowser, () => {
  let demo: DemoEnvironment;
  before(async () => void (demo = await DemoEnvironment.start()));
  afterEach(() => demo?.closeWindows());
  after(() => demo?.stop());

  it("show each user once for all their windows, and remove a user who goes offline", async () => {
    const one = await demo.open(ada);
    const other = await demo.open(bruno);
    await waitForEachOther(one, other);

    const tab = await demo.open({ sameBrowserAs: other });
    await tab.waitForUsers("Bruno Berg", "Ada Moreno");
    assert.deepEqual(await demo.members(), { "ada-moreno-0001": 1, "bruno-berg-0002": 2 });
    await one.waitForUsers("Ada Moreno", "Bruno Berg");

    await tab.page.close();
    await other.offlineSwitch.click();
    await one.waitForUsers("Ada Moreno");
    await other.offlineSwitch.click();
    await one.waitForUsers("Ada Moreno", "Bruno Berg");
    assert.deepEqual([...one.errors, ...other.errors], []);
  });

  it("show another user's pointer at the same position of the map on any screen", async () => {
    const one = await demo.open({ ...ada, ...phone });
    const other = await demo.open(bruno);
    await waitForEachOther(one, other);
    for (const x of [300, 620]) {
      await other.pointAt(x, 410);
      await one.waitForCursor("Bruno Berg", x, 410);
    }
    assert.equal(await other.cursors.count(), 0, "users do not see their own pointer");
  });

  it("hide a pointer that leaves the map, that stops moving, or whose user goes offline", async () => {
    const one = await demo.open({ ...ada, ...fakeClock });
    const other = await demo.open(bruno);
    await waitForEachOther(one, other);

    await one.stopClock();
    await other.pointAt(300, 200);
    await one.waitForCursor("Bruno Berg", 300, 200);
    await other.page.mouse.move(5, 5);
    await one.waitForFadingCursor();

    await other.pointAt(310, 200);
    await one.waitForCursor("Bruno Berg", 310, 200);
    await other.offlineSwitch.press("Space");
    await one.waitForUsers("Ada Moreno");
    await one.waitForFadingCursor();
    await other.offlineSwitch.press("Space");
    await one.waitForUsers("Ada Moreno", "Bruno Berg");

    await other.pointAt(320, 200);
    await one.waitForCursor("Bruno Berg", 320, 200);
    await one.page.clock.runFor(5_500);
    await one.waitForFadingCursor();
    await one.page.clock.runFor(1_000);
    await one.cursors.waitFor({ state: "detached" });
  });
});
