import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { phone } from "./screens.ts";
import { ada, bruno, meet, needsBrowser, Stage } from "./stage.ts";
import { ownClock } from "./window.ts";

describe("the people at the board", needsBrowser, () => {
  let stage: Stage;
  before(async () => void (stage = await Stage.set()));
  afterEach(() => stage?.closeWindows());
  after(() => stage?.strike());

  it("see who is looking: a window more is nobody new, and who has left is gone", async () => {
    const one = await stage.open(ada);
    const other = await stage.open(bruno);
    await meet(one, other);

    const tab = await stage.open({ beside: other });
    await tab.shows("Bruno Berg", "Ada Moreno");
    assert.deepEqual(await stage.members(), { "ada-moreno-0001": 1, "bruno-berg-0002": 2 });
    await one.shows("Ada Moreno", "Bruno Berg");

    await tab.page.close();
    await other.offlineSwitch.click();
    await one.shows("Ada Moreno");
    await other.offlineSwitch.click();
    await one.shows("Ada Moreno", "Bruno Berg");
    assert.deepEqual([...one.errors, ...other.errors], []);
  });

  it("see where the others point, at the same place of the map on any screen", async () => {
    const one = await stage.open({ ...ada, ...phone });
    const other = await stage.open(bruno);
    await meet(one, other);
    for (const x of [300, 620]) {
      await other.pointAt(x, 410);
      await one.seesCursor("Bruno Berg", x, 410);
    }
    assert.equal(await other.cursors.count(), 0, "and not where they point themselves");
  });

  it("see no cursor that has left the map, rests, or whose owner has gone", async () => {
    const one = await stage.open({ ...ada, ...ownClock });
    const other = await stage.open(bruno);
    await meet(one, other);

    await one.stopClock();
    await other.pointAt(300, 200);
    await one.seesCursor("Bruno Berg", 300, 200);
    await other.page.mouse.move(5, 5);
    await one.seesFading();

    await other.pointAt(310, 200);
    await one.seesCursor("Bruno Berg", 310, 200);
    await other.offlineSwitch.press("Space");
    await one.shows("Ada Moreno");
    await one.seesFading();
    await other.offlineSwitch.press("Space");
    await one.shows("Ada Moreno", "Bruno Berg");

    await other.pointAt(320, 200);
    await one.seesCursor("Bruno Berg", 320, 200);
    await one.page.clock.runFor(5_500);
    await one.seesFading();
    await one.page.clock.runFor(1_000);
    await one.cursors.waitFor({ state: "detached" });
  });
});
