/** Tests that the units of `tools/cost/units.ts`, which docs/costs.md shows, are those on workerd. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { measure } from "../../tools/cost/measure.ts";
import { ACTIONS, type ActionName } from "../../tools/cost/units.ts";

test("each action costs the units that the calculator and docs/costs.md have", async () => {
  const measured = await measure();
  for (const name of Object.keys(ACTIONS) as ActionName[])
    assert.deepEqual(measured[name], ACTIONS[name].units, name);
});
