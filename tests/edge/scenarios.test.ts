import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { type Scenario, runScenario } from "./scenario.ts";

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
