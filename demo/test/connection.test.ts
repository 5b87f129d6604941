import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { assertSame, assertWhole, type Board } from "./board.ts";
import { needsBrowser, Stage } from "./stage.ts";

/** Events that come while a window is away. */
const MEANWHILE = 20;

describe("a window that loses its connection", needsBrowser, () => {
  let stage: Stage;
  before(async () => void (stage = await Stage.set()));
  afterEach(() => stage?.closeWindows());
  after(() => stage?.strike());

  it("goes offline by the switch, and comes back with nothing missing", async () => {
    const board = await stage.open();
    await board.comesTo(1);
    await board.offlineSwitch.click();
    await board.is("Offline");
    await board.page.getByText(/next try in \d+ s/).waitFor();
    await stage.sessionsAre(0);

    const seq = await board.lastSeq();
    await stage.comesTo(seq + MEANWHILE);
    assert.equal(await board.lastSeq(), seq, "nothing came while it was offline");

    await board.offlineSwitch.click();
    await assertCaughtUp(board, seq);
  });

  it("comes back as soon as the network does", async () => {
    const board = await stage.open();
    await board.comesTo(1);
    await board.page.context().setOffline(true);
    for (const link of stage.network.links) link.cut();
    await board.is("Offline");

    const seq = await board.lastSeq();
    await stage.comesTo(seq + MEANWHILE);
    await board.page.context().setOffline(false);
    await assertCaughtUp(board, seq);
  });

  it("comes back when the server does", async () => {
    const board = await stage.open();
    await board.comesTo(1);
    await stage.runtime.kill();
    await board.is("Offline");

    const seq = await board.lastSeq();
    await stage.runtime.restart();
    // Nothing can be published without it, so there may be nothing to catch up with.
    await assertCaughtUp(board, seq, 0);
  });

  it("wakes with a laptop whose timers stood still and whose connection is dead", async () => {
    const board = await stage.open({ prepare: (page) => page.clock.install() });
    await board.comesTo(1);
    // Neither side is told.
    for (const link of stage.network.links) link.freeze();

    const seq = await board.lastSeq();
    await stage.comesTo(seq + MEANWHILE);
    await board.is("Live");
    await board.page.clock.fastForward("08:00:00");
    await assertCaughtUp(board, seq);
  });

  it("catches up when its tab comes to the front", async () => {
    const board = await stage.open();
    await board.comesTo(1);
    const tab = await board.page.context().newCDPSession(board.page);
    await tab.send("Page.setWebLifecycleState", { state: "frozen" });
    for (const link of stage.network.links) link.halfOpen();

    const { seq } = await stage.state();
    await stage.comesTo(seq + MEANWHILE);
    await tab.send("Page.setWebLifecycleState", { state: "active" });
    // Playwright has every page think that it is in front, so nobody else says that now it is.
    await board.page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
    await assertCaughtUp(board, await board.lastSeq());
  });

  /** It has caught up with all that came after `seq`, and shows what a newcomer sees. */
  async function assertCaughtUp(board: Board, seq: number, least = MEANWHILE): Promise<void> {
    const message = await board.hears("caught up");
    const caughtUp = Number(/^(\d+) events? caught up, none missing$/.exec(message)?.[1]);
    assert.ok(caughtUp >= least, message);
    await board.is("Live");
    assertWhole(await board.comesTo(seq + caughtUp));

    const newcomer = await stage.open();
    await assertSame(board, newcomer);
  }
});
