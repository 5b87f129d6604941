import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { Middlebox } from "../../client/test/real/middlebox.ts";
import type { Transport } from "roomcast";
import { assertConsecutive, assertSameView, type BoardPage } from "./boardPage.ts";
import { DemoEnvironment, needsBrowser } from "./environment.ts";

/** Number of events to wait for in each check. */
const EVENT_COUNT = 20;

describe("a window behind a proxy", needsBrowser, () => {
  let demo: DemoEnvironment;
  let middlebox: Middlebox;
  let baseUrl: URL;
  before(async () => void (demo = await DemoEnvironment.start()));
  beforeEach(async () => {
    middlebox = new Middlebox(() => new URL(demo.runtime.url));
    baseUrl = await middlebox.start();
  });
  afterEach(async () => {
    await demo.closeWindows();
    await middlebox.stop();
  });
  after(() => demo?.stop());

  it("uses SSE while WebSockets are blocked, and WebSocket when they are allowed again", async () => {
    middlebox.upgrades = 426;
    const board = await demo.open({ baseUrl });
    await assertConnectedBy(board, "sse");
    await assertResumesAfterCut(board);
    middlebox.upgrades = "pass";
    await waitForTransport(board, "websocket");
    await assertConnectedBy(board, "websocket");
  });

  it("uses long polling while streams are blocked too, and a better transport when one is allowed", async () => {
    middlebox.upgrades = 400;
    middlebox.buffering = true;
    const board = await demo.open({ baseUrl });
    await assertConnectedBy(board, "long-polling");
    await assertResumesAfterCut(board);
    middlebox.buffering = false;
    await waitForTransport(board, "sse");
    await assertConnectedBy(board, "sse");
    middlebox.upgrades = "pass";
    await waitForTransport(board, "websocket");
    await assertConnectedBy(board, "websocket");
  });

  it("goes offline with the switch, and resumes over SSE", async () => {
    middlebox.upgrades = "close";
    const board = await demo.open({ baseUrl });
    await assertConnectedBy(board, "sse");
    await board.offlineSwitch.click();
    await board.waitForStatus("Offline");
    const seq = await board.lastSeq();
    await demo.waitForEvent(seq + EVENT_COUNT);
    assert.equal(await board.lastSeq(), seq, "no event arrives while offline");
    await board.offlineSwitch.click();
    await assertConnectedBy(board, "sse");
  });

  /**
   * Asserts that events arrive over this transport, and that a window without the proxy has the
   * same contents.
   */
  async function assertConnectedBy(board: BoardPage, transport: Transport): Promise<void> {
    await board.page.locator(`.badge[title=${transport}]`).waitFor();
    await board.waitForStatus("Connected");
    assertConsecutive(await board.waitForEvent((await board.lastSeq()) + EVENT_COUNT));
    const direct = await demo.open();
    await assertSameView(board, direct);
    await direct.page.close();
  }

  async function assertResumesAfterCut(board: BoardPage): Promise<void> {
    const seq = await board.lastSeq();
    middlebox.cut();
    assertConsecutive(await board.waitForEvent(seq + EVENT_COUNT));
  }
});

/**
 * Dispatches `online` events until the page uses this transport. Without these events, the page
 * would try a better transport only after five minutes.
 */
async function waitForTransport({ page }: BoardPage, transport: Transport): Promise<void> {
  const isUsed = (transport: Transport): boolean => {
    dispatchEvent(new Event("online"));
    return document.querySelector<HTMLElement>(".badge")!.title === transport;
  };
  await page.waitForFunction(isUsed, transport, { polling: 1_000 });
}
