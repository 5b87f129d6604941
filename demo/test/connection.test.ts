import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { assertConsecutive, assertSameView, type BoardPage } from "./boardPage.ts";
import { DemoEnvironment, needsBrowser } from "./environment.ts";

/** Number of events published while a window is disconnected. */
const MISSED_EVENTS = 20;

describe("a window that loses its connection", needsBrowser, () => {
  let demo: DemoEnvironment;
  before(async () => void (demo = await DemoEnvironment.start()));
  afterEach(() => demo?.closeWindows());
  after(() => demo?.stop());

  it("goes offline with the switch, and receives all missed events when it is online again", async () => {
    const board = await demo.open();
    await board.waitForEvent(1);
    await board.offlineSwitch.click();
    await board.waitForStatus("Offline");
    await board.page.getByText(/retry in \d+ s/).waitFor();
    await demo.waitForSessionCount(0);

    const seq = await board.lastSeq();
    await demo.waitForEvent(seq + MISSED_EVENTS);
    assert.equal(await board.lastSeq(), seq, "no event arrives while offline");

    await board.offlineSwitch.click();
    await assertResumed(board, seq);
  });

  it("resumes when the network is back", async () => {
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

  it("resumes when the server has restarted", async () => {
    const board = await demo.open();
    await board.waitForEvent(1);
    await demo.runtime.kill();
    await board.waitForStatus("Offline");

    const seq = await board.lastSeq();
    await demo.runtime.restart();
    // Nothing is published while the server is down, so the number of missed events may be 0.
    await assertResumed(board, seq, 0);
  });

  it("resumes when a laptop wakes up with stopped timers and a dead connection", async () => {
    const board = await demo.open({ prepare: (page) => page.clock.install() });
    await board.waitForEvent(1);
    // Neither the page nor the server detects that the connection is dead.
    for (const link of demo.network.links) link.freeze();

    const seq = await board.lastSeq();
    await demo.waitForEvent(seq + MISSED_EVENTS);
    await board.waitForStatus("Connected");
    await board.page.clock.fastForward("08:00:00");
    await assertResumed(board, seq);
  });

  it("resumes when its frozen tab becomes visible", async () => {
    const board = await demo.open();
    await board.waitForEvent(1);
    const tab = await board.page.context().newCDPSession(board.page);
    await tab.send("Page.setWebLifecycleState", { state: "frozen" });
    for (const link of demo.network.links) link.halfOpen();

    const { seq } = await demo.state();
    await demo.waitForEvent(seq + MISSED_EVENTS);
    await tab.send("Page.setWebLifecycleState", { state: "active" });
    // In Playwright every page is always visible, so the browser does not send this event.
    await board.page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
    await assertResumed(board, await board.lastSeq());
  });

  /**
   * Asserts that the window has received all events after `seq`, and has the same contents as a new
   * window.
   */
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
