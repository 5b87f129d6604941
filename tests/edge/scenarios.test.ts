import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { type Scenario, runScenario } from "./scenario.ts";
import { checkReceived } from "./wire-types.ts";

const directory = join(import.meta.dirname, "../scenarios");

for (const file of readdirSync(directory).filter((name) => name.endsWith(".json"))) {
  const { about, scenarios } = JSON.parse(readFileSync(join(directory, file), "utf8"));
  describe(`${file}: ${about}`, { concurrency: 4 }, () => {
    for (const scenario of scenarios as Scenario[]) {
      if (scenario.only === "simulator") continue;
      test(scenario.name, () => runScenario(scenario, { hibernate: false }));
      if (scenario.stays_active === undefined) {
        test(`hibernation_is_invisible: ${scenario.name}`, () =>
          runScenario(scenario, { hibernate: true }));
      }
    }
  });
}

test("received_frames_and_answers_have_the_exported_types", () => {
  const shapes = checkReceived();
  assert(shapes > 20, `only ${shapes} shapes`);
});
