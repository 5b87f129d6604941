import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { Middlebox } from "../../client/test/real/middlebox.ts";
import type { Transport } from "../../client/src/line.ts";
import { assertSame, assertWhole, type Board } from "./board.ts";
import { needsBrowser, Stage } from "./stage.ts";

/** Events that come while a window is watched. */
const MEANWHILE = 20;

describe("a window behind a proxy", needsBrowser, () => {
  let stage: Stage;
  let box: Middlebox;
  let by: URL;
  before(async () => void (stage = await Stage.set()));
  beforeEach(async () => {
    box = new Middlebox(() => new URL(stage.runtime.url));
    by = await box.start();
  });
  afterEach(async () => {
    await stage.closeWindows();
    await box.stop();
  });
  after(() => stage?.strike());

  it("that lets no WebSocket through is live by a stream, and by WebSocket when it may", async () => {
    box.upgrades = 426;
    const board = await stage.open({ by });
    await isLive(board, "sse");
    await survivesACut(board);
    box.upgrades = "pass";
    await goesOver(board, "websocket");
    await isLive(board, "websocket");
  });

  it("that lets no stream through either is live by long-polling, and better when it may", async () => {
    box.upgrades = 400;
    box.buffering = true;
    const board = await stage.open({ by });
    await isLive(board, "long-polling");
    await survivesACut(board);
    box.buffering = false;
    await goesOver(board, "sse");
    await isLive(board, "sse");
    box.upgrades = "pass";
    await goesOver(board, "websocket");
    await isLive(board, "websocket");
  });

  it("and offline by the switch", async () => {
    box.upgrades = "hang up";
    const board = await stage.open({ by });
    await isLive(board, "sse");
    await board.offlineSwitch.click();
    await board.is("Offline");
    const seq = await board.lastSeq();
    await stage.comesTo(seq + MEANWHILE);
    assert.equal(await board.lastSeq(), seq, "nothing came while it was offline");
    await board.offlineSwitch.click();
    await isLive(board, "sse");
  });

  /** It goes on, by that transport, and shows what a window past the proxy shows. */
  async function isLive(board: Board, transport: Transport): Promise<void> {
    await board.page.locator(`.badge[title=${transport}]`).waitFor();
    await board.is("Live");
    assertWhole(await board.comesTo((await board.lastSeq()) + MEANWHILE));
    const past = await stage.open();
    await assertSame(board, past);
    await past.page.close();
  }

  async function survivesACut(board: Board): Promise<void> {
    const seq = await board.lastSeq();
    box.cut();
    assertWhole(await board.comesTo(seq + MEANWHILE));
  }
});

/** Tells the page that the network has changed, until it has: nobody is to wait for five minutes. */
async function goesOver({ page }: Board, transport: Transport): Promise<void> {
  const isSo = (transport: Transport): boolean => {
    dispatchEvent(new Event("online"));
    return document.querySelector<HTMLElement>(".badge")!.title === transport;
  };
  await page.waitForFunction(isSo, transport, { polling: 1_000 });
}
