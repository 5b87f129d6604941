/** Every test on workerd ends with a look for secrets in what the worker has written. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { tokenOf } from "./room.ts";
import { Runtime } from "./runtime.ts";

test("a runtime whose output holds a token does not stop in silence", async () => {
  // What is no pattern is named to the operator, and this begins with a token.
  const token = tokenOf("alice", ["subscribe"]);
  const runtime = await Runtime.start({ settings: { [`${token}/`]: {} } });
  const { status } = await fetch(`${runtime.url}/healthz`);
  await assert.rejects(runtime.stop(), /the worker's output holds/);
  assert.equal(status, 500);
});
