/** Tests that `Runtime.stop` searches the worker's output for secrets. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { tokenOf } from "./room.ts";
import { Runtime } from "./runtime.ts";

test("stopping a runtime fails if its output contains a token", async () => {
  // The worker logs an invalid room pattern, and this pattern begins with a token.
  const token = tokenOf("alice", ["subscribe"]);
  const runtime = await Runtime.start({ settings: { [`${token}/`]: {} } });
  const { status } = await fetch(`${runtime.url}/healthz`);
  await assert.rejects(runtime.stop(), /the worker's output contains/);
  assert.equal(status, 500);
});
