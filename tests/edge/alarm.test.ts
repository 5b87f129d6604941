/** Tests on the real runtime that a room recovers when its alarm fails or is lost. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { describe, test } from "node:test";
import { Room } from "./room.ts";

/** Maximum time until an alarm is retried: `ALARM_RETRY_MS`, plus 30 s for a busy machine. */
const RETRIED_WITHIN_MS = 60_000 + 30_000;

describe("an alarm", { concurrency: true }, () => {
  test("that fires while the configuration is invalid is retried, and the room is erased", async (t) => {
    const settings = { r: { retained_ms: 2_000 } };
    const room = await Room.of(t, { settings });
    await room.publish({ name: "n", data: 1 });
    const { epoch } = await room.stats();
    await room.runtime.deploy({ settings: { r: { sockets: 0 } } });
    await room.runtime.waitForLog("room_unloadable", 2, 10_000 + RETRIED_WITHIN_MS);
    await room.runtime.deploy({ settings });
    await room.runtime.evictOnceLoaded("r", RETRIED_WITHIN_MS);
    assert.notEqual((await room.stats()).epoch, epoch);
  });

  test("that is lost is set again when a request loads the room", async (t) => {
    const room = await Room.of(t);
    await room.publish({ name: "n", data: 1 });
    const set = await alarm(room);
    assert(set !== undefined);
    await room.runtime.restart();
    await room.state();
    await room.stats();
    assert.equal(await alarm(room), set, "an alarm that is set is not changed");

    await alarm(room, "DELETE");
    assert.equal(await alarm(room), undefined);
    await room.runtime.restart();
    await room.state();
    await room.stats();
    const again = await alarm(room);
    assert(again !== undefined && again >= set);
  });
});

/** Kills the process, then reads or deletes the stored time of the room's alarm. */
async function alarm({ runtime }: Room, act: "SELECT value" | "DELETE" = "SELECT value") {
  await runtime.kill();
  const [file] = await runtime.databases();
  const database = new DatabaseSync(file!);
  const statement = database.prepare(`${act} FROM _cf_METADATA WHERE key = 1`);
  statement.setReadBigInts(true);
  const row = statement.get() as { value: bigint | null } | undefined;
  database.close();
  return row?.value ?? undefined;
}
