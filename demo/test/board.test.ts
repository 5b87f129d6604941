import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { after, afterEach, before, describe, it } from "node:test";
import type { Snapshot } from "roomcast/server";
import { build } from "vite";
import { ROWS, type Shipment } from "../shared/shipments.ts";
import { assertConsecutive, assertSameView, type BoardPage, type View } from "./boardPage.ts";
import { DemoEnvironment, needsBrowser } from "./environment.ts";

describe("the board", needsBrowser, () => {
  let demo: DemoEnvironment;
  before(async () => void (demo = await DemoEnvironment.start()));
  afterEach(() => demo?.closeWindows());
  after(() => demo?.stop());

  it("shows all shipments at once in a new window", async () => {
    await demo.waitForEvent(40);
    const board = await demo.open();
    const first = await board.waitForEvent(1);
    assert.ok(first.seq >= 40);
    assert.equal(first.shipments.filter(isShipment).length, ROWS);

    const { shipments, events } = await atOneEvent(board);
    assert.equal(events.length, ROWS);
    for (const { data } of events) {
      const { id, row } = data as Shipment;
      assert.match(shipments[row]!, new RegExp(`^${id}`));
    }
    assert.deepEqual(board.errors, []);
  });

  it("shows the same view at the same event in two windows", async () => {
    const [one, other] = await Promise.all([demo.open(), demo.open()]);
    for (let seq = 1, moments = 0; moments < 5; moments++) {
      const view = await assertSameView(one, other, seq);
      assertConsecutive(view);
      seq = view.seq + 1;
    }
  });

  it("opens only one socket under StrictMode", async () => {
    const dist = await mkdtemp(join(tmpdir(), "roomcast-demo-"));
    try {
      // Only React's development build mounts components twice.
      process.env.NODE_ENV = "development";
      const root = fileURLToPath(new URL("..", import.meta.url));
      await build({ root, mode: "development", logLevel: "error", build: { outDir: dist } });
      const board = await demo.open({ dist });
      const { seq } = await board.waitForEvent(1);
      await board.waitForEvent(seq + 1);

      assert.equal(board.sockets, 1);
      await demo.waitForSessionCount(1);
      assert.deepEqual(board.errors, []);
    } finally {
      await rm(dist, { recursive: true });
    }
  });

  it("shows all shipments after a restart of the backend, without a gap", async () => {
    const board = await demo.open();
    const { seq } = await board.waitForEvent(1);
    await demo.stopBackend();
    await demo.startBackend();
    await board.waitForEvent(seq + ROWS);

    const { shipments } = await board.waitForEvent((await demo.state()).seq);
    assert.equal(shipments.filter(isShipment).length, ROWS);
    assertConsecutive(await board.view());
  });

  /** Returns the contents of the board and the state of the room, both after the same event. */
  async function atOneEvent(board: BoardPage): Promise<View & Snapshot> {
    for (;;) {
      const state = await demo.state();
      const view = await board.waitForEvent(state.seq);
      if (view.seq === state.seq) return { ...view, ...state };
    }
  }
});

const isShipment = (text: string): boolean => text.startsWith("S-");
