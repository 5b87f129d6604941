import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { after, afterEach, before, describe, it } from "node:test";
import type { Snapshot } from "roomcast/server";
import { build } from "vite";
import { ROWS, type Shipment } from "../shared/shipments.ts";
import { assertSame, assertWhole, type Board, type View } from "./board.ts";
import { needsBrowser, Stage } from "./stage.ts";

describe("the board", needsBrowser, () => {
  let stage: Stage;
  before(async () => void (stage = await Stage.set()));
  afterEach(() => stage?.closeWindows());
  after(() => stage?.strike());

  it("shows a newcomer every shipment at once", async () => {
    await stage.comesTo(40);
    const board = await stage.open();
    const first = await board.comesTo(1);
    assert.ok(first.event >= 40);
    assert.equal(first.shipments.filter(isShipment).length, ROWS);

    const { shipments, events } = await atOneEvent(board);
    assert.equal(events.length, ROWS);
    for (const { data } of events) {
      const { id, row } = data as Shipment;
      assert.match(shipments[row]!, new RegExp(`^${id}`));
    }
    assert.deepEqual(board.errors, []);
  });

  it("is the same in two windows", async () => {
    const [one, other] = await Promise.all([stage.open(), stage.open()]);
    for (let event = 1, moments = 0; moments < 5; moments++) {
      const view = await assertSame(one, other, event);
      assertWhole(view);
      event = view.event + 1;
    }
  });

  it("has one socket, also under StrictMode", async () => {
    const dist = await mkdtemp(join(tmpdir(), "roomcast-demo-"));
    try {
      // Only React's development build mounts everything twice.
      process.env.NODE_ENV = "development";
      const root = fileURLToPath(new URL("..", import.meta.url));
      await build({ root, mode: "development", logLevel: "error", build: { outDir: dist } });
      const board = await stage.open({ dist });
      const { event } = await board.comesTo(1);
      await board.comesTo(event + 1);

      assert.equal(board.sockets, 1);
      await stage.sessionsAre(1);
      assert.deepEqual(board.errors, []);
    } finally {
      await rm(dist, { recursive: true });
    }
  });

  it("follows the fleet through a restart of the backend", async () => {
    const board = await stage.open();
    const { event } = await board.comesTo(1);
    await stage.stopBackend();
    await stage.startBackend();
    await board.comesTo(event + ROWS);

    const { shipments } = await board.comesTo((await stage.state()).seq);
    assert.equal(shipments.filter(isShipment).length, ROWS);
    assertWhole(await board.view());
  });

  /** What the board shows, and what the room holds, at the same event. */
  async function atOneEvent(board: Board): Promise<View & Snapshot> {
    for (;;) {
      const state = await stage.state();
      const view = await board.comesTo(state.seq);
      if (view.event === state.seq) return { ...view, ...state };
    }
  }
});

const isShipment = (text: string): boolean => text.startsWith("S-");
