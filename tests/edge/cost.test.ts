/**
 * Tests that the units of `tools/cost/units.ts`, which docs/costs.md shows, are those on workerd, and
 * that an idle room costs nothing.
 */
import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { allCounts, measure, meteredWorker, openSocket } from "../../tools/cost/measure.ts";
import { ACTIONS, type ActionName } from "../../tools/cost/units.ts";
import { HookReceiver } from "./hook-receiver.ts";
import { Room, tokenOf } from "./room.ts";
import { Runtime } from "./runtime.ts";

describe("the cost", { concurrency: true }, () => {
  test("of each action is what the calculator and docs/costs.md have", async () => {
    const measured = await measure();
    for (const name of Object.keys(ACTIONS) as ActionName[])
      assert.deepEqual(measured[name], ACTIONS[name].units, name);
  });

  test("of 60 s of an idle room with webhooks, the directory and metrics is zero", async (t) => {
    const root = await meteredWorker();
    t.after(() => rm(root, { recursive: true }));
    const receiver = await HookReceiver.of(t);
    const runtime = await Runtime.start({ root, ...receiver.options });
    t.after(() => runtime.stop());
    const room = new Room(runtime, "r");
    const sockets = await Promise.all(Array.from({ length: 10 }, () => openSocket(room)));
    await room.publish({ name: "n", data: 1 });
    await receiver.until("the event", () => receiver.seq === 1);
    const metrics = await fetch(`${runtime.url}/metrics`, {
      headers: { authorization: `Bearer ${tokenOf("operator", ["admin"])}` },
    });
    assert.match(await metrics.text(), /^roomcast_webhook_deliveries_total\{result="ok"\} [1-9]/m);
    // The alarm that would continue a lost delivery rings within 30 s. The runtime evicts the room
    // 10 s later.
    await sleep(45_000);

    const before = await allCounts(runtime);
    await sleep(60_000);
    assert.deepEqual(await allCounts(runtime), before);
    assert.equal(await runtime.evict("r"), false, "the room still hibernates");
    assert.equal((await room.stats()).sessions, 10);
    for (const socket of sockets) socket.close();
  });
});
