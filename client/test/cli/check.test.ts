import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { newConfig } from "../../src/cli/config.ts";
import { Project, type Outcome } from "./project.ts";

const DEV_VARS = "# A secret\nJWT_SECRET=0123456789abcdef0123456789abcdef\n";
const OK = { "/healthz": { status: 200, body: "ok" } };

/** A worker that finds these errors in its configuration. */
const finds = (...causes: string[]) => ({
  "/healthz": {
    status: 500,
    body: '{"error":{"code":"internal"}}',
    log: [{ level: "error", event: "configuration_invalid", cause: causes.join("\n") }],
  },
});

const JSONC = newConfig("my-chat", "src/worker.js").replace(
  /"vars": \{[^}]*\}/,
  `"vars": {
    "ROOM_SETTINGS": {
      // A comment with "eu:*"
      "*": { "members": 9 },
      "eu:*": {
        "retained_appends": 5,
        "sockets": 0,
      },
    },
    "LOG_LEVEL": "debug",
  },
  "env": { "staging": {
    "durable_objects": { "bindings": [{ "name": "ROOMS", "class_name": "RoomObject" }] },
    "vars": {
      "ROOM_SETTINGS": { "eu:*": { "members": -1 } },
    },
  } }`,
);

const TOML = `name = "my-chat"
main = "src/worker.js"
compatibility_date = "2026-10-01"
[[durable_objects.bindings]]
name = "ROOMS"
class_name = "RoomObject"
[[migrations]]
tag = "v1"
new_sqlite_classes = ["RoomObject"]
[observability]
enabled = true
redact_query_string = true
[vars]
LOG_LEVEL = "debug"
[vars.ROOM_SETTINGS."*"]
members = 9
[vars.ROOM_SETTINGS."eu:*"]
retained_appends = 5
sockets = 0
[env.staging.vars]
ROOM_SETTINGS = { "eu:*" = { members = -1 } }
`;

const SOCKETS = 'ROOM_SETTINGS: "eu:*": sockets is 0; it must be 1 to 32000';
const LEVEL = 'LOG_LEVEL is "debug"; it must be error, warn or info';
const MEMBERS = 'ROOM_SETTINGS: "eu:*": members: invalid value: integer `-1`';

interface Checked {
  readonly files: Record<string, string>;
  readonly health?: object;
  readonly args?: readonly string[];
}

async function check(t: TestContext, { files, health = OK, args = [] }: Checked): Promise<Outcome> {
  const project = new Project(t, { ".dev.vars": DEV_VARS, ...files });
  project.installFakeWrangler({ health });
  return project.run(["check", ...args]);
}

describe("npx roomcast check", () => {
  for (const [file, text, lines] of [
    ["wrangler.jsonc", JSONC, { sockets: 26, level: 29, staging: 34 }],
    ["wrangler.toml", TOML, { sockets: 19, level: 14, staging: 21 }],
  ] as const) {
    it(`says that nothing is wrong in ${file}`, async (t) => {
      const { exitCode, stdout, stderr } = await check(t, { files: { [file]: text } });
      assert.equal(stderr, "");
      assert.equal(exitCode, 0);
      assert.match(stdout, new RegExp(`^${file} and \\.dev\\.vars: nothing is wrong`));
    });

    it(`names the line of each wrong value in ${file}`, async (t) => {
      const health = finds(SOCKETS, LEVEL);
      const { exitCode, stderr } = await check(t, { files: { [file]: text }, health });
      assert.equal(exitCode, 1);
      const expected = [`${file}:${lines.sockets}: ${SOCKETS}`, `${file}:${lines.level}: ${LEVEL}`];
      assert.deepEqual(stderr.trim().split("\n"), expected);
    });

    it(`names the line in an environment of ${file}`, async (t) => {
      const args = ["--env", "staging"];
      const { stderr } = await check(t, { files: { [file]: text }, health: finds(MEMBERS), args });
      assert.equal(stderr, `${file}:${lines.staging}: ${MEMBERS}\n`);
    });

    it(`names an environment that ${file} does not have`, async (t) => {
      const args = ["--env", "production"];
      const { exitCode, stderr } = await check(t, { files: { [file]: text }, args });
      assert.equal(exitCode, 1);
      assert.match(stderr, new RegExp(`^${file}:\\d+: there is no environment production\n$`));
    });
  }

  it("names the line of a value in .dev.vars, which replaces that of the configuration", async (t) => {
    const files = { "wrangler.jsonc": JSONC, ".dev.vars": `${DEV_VARS}LOG_LEVEL=debug\n` };
    const { stderr } = await check(t, { files, health: finds(LEVEL) });
    assert.equal(stderr, `.dev.vars:3: ${LEVEL}\n`);
  });

  it("names .dev.vars for a secret that is missing", async (t) => {
    const cause = "no token could be verified: set JWT_SECRET";
    const files = { "wrangler.jsonc": JSONC, ".dev.vars": "" };
    const { stderr } = await check(t, { files, health: finds(cause) });
    assert.equal(stderr, `.dev.vars: ${cause}\n`);
  });

  for (const [what, from, to, message] of [
    [
      "an object of another class",
      '"class_name": "RoomObject"',
      '"class_name": "Room"',
      /:8: the binding ROOMS must be for the class RoomObject/,
    ],
    [
      "a missing migration",
      /"migrations": .*\n/,
      "",
      /:1: migrations must have \[\{"tag":"v1","new_sqlite_classes":\["RoomObject"\]/,
    ],
    [
      "a class without SQLite",
      "new_sqlite_classes",
      "new_classes",
      /:9: RoomObject must be in new_sqlite_classes/,
    ],
    ["a missing date", /"compatibility_date": .*\n/, "", /:1: compatibility_date is missing/],
    [
      "queries in the log",
      '"redact_query_string": true',
      '"redact_query_string": false',
      /:\d+: observability\.redact_query_string must be true/,
    ],
  ] as const) {
    it(`finds ${what}, without starting the worker`, async (t) => {
      const text = JSONC.replace(from, to);
      assert.notEqual(text, JSONC);
      const project = new Project(t, { "wrangler.jsonc": text });
      project.installFakeWrangler();
      const { exitCode, stderr } = await project.run(["check"]);
      assert.equal(exitCode, 1);
      assert.match(stderr, message);
      assert.deepEqual(project.calls(), []);
    });
  }

  it("finds a missing binding of an environment, which inherits none", async (t) => {
    const text = JSONC.replace(/("staging": \{\n).*\n/, "$1");
    const { stderr } = await check(t, {
      files: { "wrangler.jsonc": text },
      args: ["-e", "staging"],
    });
    assert.match(stderr, /^wrangler\.jsonc:31: durable_objects must have \{"bindings":/);
  });

  it("prints the lines that a wrangler.toml lacks", async (t) => {
    const text = TOML.replace(/\[\[migrations[^]*?(?=\[obs)/, "");
    const { exitCode, stderr } = await check(t, { files: { "wrangler.toml": text } });
    assert.equal(exitCode, 1);
    assert.match(stderr, /these lines are missing:\n  \[\[migrations\]\]/);
  });

  it("finds queries in the log of a wrangler.toml, which needs no log", async (t) => {
    const logged = TOML.replace("redact_query_string = true\n", "");
    const { stderr } = await check(t, { files: { "wrangler.toml": logged } });
    assert.match(stderr, /^wrangler\.toml:10: observability\.redact_query_string must be true/);
    const unlogged = logged.replace("[observability]\nenabled = true\n", "");
    assert.equal((await check(t, { files: { "wrangler.toml": unlogged } })).exitCode, 0);
  });

  it("asks the worker below its base path", async (t) => {
    const worker = 'export default createRoomcast({ basePath: "/realtime" });\n';
    const files = { "wrangler.jsonc": JSONC, "src/worker.js": worker };
    const right = await check(t, { files, health: { "/realtime/healthz": OK["/healthz"] } });
    assert.equal(right.exitCode, 0);
    const { exitCode, stderr } = await check(t, { files });
    assert.equal(exitCode, 1);
    assert.match(stderr, /GET \/realtime\/healthz of the worker answered 404/);
  });

  it("prints the output of a wrangler that does not start", async (t) => {
    const project = new Project(t, { "wrangler.jsonc": JSONC });
    project.installFakeWrangler({ exitCode: 4 });
    const { exitCode, stderr } = await project.run(["check"]);
    assert.equal(exitCode, 1);
    assert.match(stderr, /^roomcast: wrangler ended with 4/);
  });

  it("names the line of a configuration that is not JSON", async (t) => {
    const { exitCode, stderr } = await check(t, { files: { "wrangler.jsonc": '{\n  "a" 1\n}' } });
    assert.equal(exitCode, 1);
    assert.match(stderr, /wrangler\.jsonc, line 2: expected :/);
  });

  it("without a configuration names the command that creates it", async (t) => {
    const { exitCode, stderr } = await check(t, { files: {} });
    assert.equal(exitCode, 1);
    assert.match(stderr, /there is no wrangler\.jsonc: npx roomcast init creates one/);
  });
});
