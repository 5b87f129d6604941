import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MAIN, Project } from "./project.ts";

const FILES = { ".dev.vars": "JWT_SECRET=0123456789abcdef0123456789abcdef\n" };

describe("npx roomcast dev", () => {
  it("passes its options to wrangler, and prints commands to try", async (t) => {
    const project = new Project(t, FILES);
    project.installFakeWrangler();
    const { exitCode, stdout } = await project.run(["dev", "--port", "9000", "--remote"]);
    assert.equal(exitCode, 0);
    assert.deepEqual(project.calls(), [{ args: ["dev", "--port", "9000", "--remote"] }]);
    assert.match(stdout, /curl http:\/\/localhost:9000\/rooms\/try:1\/events/);
    assert.match(stdout, /wscat -c ws:\/\/localhost:9000\/rooms\/try:1\/events/);
    assert.doesNotMatch(stdout, /JWT_SECRET/);
  });

  it("prints the commands for the worker's base path", async (t) => {
    const worker = 'export default createRoomcast({\n  basePath: "/realtime",\n});\n';
    const config = '{ "main": "src/worker.ts" }';
    const project = new Project(t, { "wrangler.jsonc": config, "src/worker.ts": worker });
    project.installFakeWrangler();
    const { stdout } = await project.run(["dev"]);
    assert.match(stdout, /curl http:\/\/localhost:8787\/realtime\/rooms\/try:1\/events/);
  });

  it("prints no text of the worker that a shell could run", async (t) => {
    const worker = 'createRoomcast({ basePath: "/$(reboot)" });\n';
    const project = new Project(t, { "wrangler.toml": 'main = "a.js"', "a.js": worker });
    project.installFakeWrangler();
    assert.match((await project.run(["dev"])).stdout, /curl http:\/\/localhost:8787\/rooms\/try:1/);
  });

  it("says that the secret is missing", async (t) => {
    const project = new Project(t);
    project.installFakeWrangler();
    assert.match(
      (await project.run(["dev"])).stdout,
      /^\.dev\.vars has no JWT_SECRET: npx roomcast init adds one\.$/m,
    );
  });

  it("exits with the code of wrangler", async (t) => {
    const project = new Project(t, FILES);
    project.installFakeWrangler({ exitCode: 3 });
    assert.equal((await project.run(["dev"])).exitCode, 3);
  });

  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    it(`forwards ${signal}, and waits for wrangler`, async (t) => {
      const project = new Project(t, FILES);
      project.installFakeWrangler({ waits: signal });
      const { child, outcome, prints } = project.start(["dev"]);
      await prints(/waiting/);
      child.kill(signal);
      assert.equal((await outcome).exitCode, 7);
    });
  }

  it("exits with 128 and the signal's number if a signal ends wrangler", async (t) => {
    const project = new Project(t, FILES);
    project.installFakeWrangler({ waits: "SIGHUP" });
    const { child, outcome, prints } = project.start(["dev"]);
    await prints(/waiting/);
    child.kill("SIGTERM");
    assert.equal((await outcome).exitCode, 128 + 15);
  });

  it("finds wrangler in a folder above", async (t) => {
    const project = new Project(t, { "apps/chat/.dev.vars": FILES[".dev.vars"] });
    project.installFakeWrangler();
    const { exitCode } = await project.run([], {
      command: ["sh", "-c", `cd apps/chat && "$0" "$1" dev`, process.execPath, MAIN],
    });
    assert.equal(exitCode, 0);
    assert.ok(project.has("apps/chat/calls.ndjson"));
  });

  it("without wrangler names the command that installs it", async (t) => {
    const project = new Project(t, FILES);
    const { exitCode, stderr } = await project.run(["dev"]);
    assert.equal(exitCode, 1);
    assert.match(stderr, /^roomcast: wrangler is not installed in .*: run npm install --save-dev/);
  });
});
