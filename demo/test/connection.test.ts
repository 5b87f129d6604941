import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { assertConsecutive, assertSameView, type BoardPage } from "./boardPage.ts";
import { DemoEnvironment, needsBrowser } from "./environment.ts";

/** Events that come while a window is away. */
const MISSED_EVENTS = 20;

describe("a window that loses its connection", needsBrowser, () => {
  let demo: DemoEnvironment;
  before(async () => void (demo = await DemoEnvironment.start()));
  afterEach(() => demo?.closeWindows());
  after(() => demo?.stop());

  it("goes offline by the switch, and comes back with nothing missing", async () => {
    const board = await demo.open();
    await board.waitForEvent(1);
    await board.offlineSwitch.click();
    await board.waitForStatus("Offline");
    await board.page.getByText(/retry in \d+ s/).waitFor();
    await demo.waitForSessionCount(0);

    const seq = await board.lastSeq();
    await demo.waitForEvent(seq + MISSED_EVENTS);
    assert.equal(await board.lastSeq(), seq, "nothing came while it was offline");

    await board.offlineSwitch.click();
    await assertResumed(board, seq);
  });

  it("comes back as soon as the network does", async () => {
    const board = await demo.open();
    await board.waitForEvent(1);
    await board.page.context().setOffline(true);
    for (const link of demo.network.links) link.cut();
    await board.waitForStatus("Offline");

    const seq = await board.lastSeq();
    await demo.waitForEvent(seq + MISSED_EVENTS);
    await board.page.context().setOffline(false);
    await assertResumed(board, seq);
  });

  it("comes back when the server does", async () => {
    const board = await demo.open();
    await board.waitForEvent(1);
    await demo.runtime.kill();
    await board.waitForStatus("Offline");

    const seq = await board.lastSeq();
    await demo.runtime.restart();
    // Nothing can be published without it, so there may be nothing to catch up with.
    await assertResumed(board, seq, 0);
  });

  it("wakes with a laptop whose timers stood still and whose connection is dead", async () => {
    const board = await demo.open({ prepare: (page) => page.clock.install() });
    await board.waitForEvent(1);
    // Neither side is told.
    for (const link of demo.network.links) link.freeze();

    const seq = await board.lastSeq();
    await demo.waitForEvent(seq + MISSED_EVENTS);
    await board.waitForStatus("Connected");
    await board.page.clock.fastForward("08:00:00");
    await assertResumed(board, seq);
  });

  it("catches up when its tab comes to the front", async () => {
    const board = await demo.open();
    await board.waitForEvent(1);
    const tab = await board.page.context().newCDPSession(board.page);
    await tab.send("Page.setWebLifecycleState", { state: "frozen" });
    for (const link of demo.network.links) link.halfOpen();

    const { seq } = await demo.state();
    await demo.waitForEvent(seq + MISSED_EVENTS);
    await tab.send("Page.setWebLifecycleState", { state: "active" });
    // Playwright has every page think that it is in front, so nobody else says that now it is.
    await board.page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
    await assertResumed(board, await board.lastSeq());
  });

  /** It has caught up with all that came after `seq`, and shows what a newcomer sees. */
  async function assertResumed(board: BoardPage, seq: number, min = MISSED_EVENTS): Promise<void> {
    const message = await board.waitForAnnouncement("replayed");
    const replayed = Number(/^(\d+) events? replayed, none lost$/.exec(message)?.[1]);
    assert.ok(replayed >= min, message);
    await board.waitForStatus("Connected");
    assertConsecutive(await board.waitForEvent(seq + replayed));

    const newcomer = await demo.open();
    await assertSameView(board, newcomer);
  }
});
