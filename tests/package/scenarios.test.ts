/** Runs all scenarios of the wire contract against workers that use the packed package. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { test } from "node:test";
import { bundle, project } from "./package.ts";

const SCENARIOS = resolve(import.meta.dirname, "../edge/scenarios.test.ts");

for (const [worker, basePath] of [
  ["whole", ""],
  ["own", "/realtime"],
]) {
  test(`all scenarios pass with the worker ${worker}.ts`, async (t) => {
    const root = await bundle(await project(t, worker!));
    const env = { ...process.env, ROOMCAST_ROOT: root, ROOMCAST_BASE_PATH: basePath };
    const args = ["--test", "--test-reporter=dot", SCENARIOS];
    // The runner's own variable would make the child report to this test.
    delete (env as NodeJS.ProcessEnv).NODE_TEST_CONTEXT;
    const child = spawn(process.execPath, args, { env, stdio: "inherit" });
    assert.deepEqual(await once(child, "exit"), [0, null]);
  });
}
