import assert from "node:assert/strict";
import { chmodSync, symlinkSync } from "node:fs";
import { describe, it } from "node:test";
import { parseJsonc } from "../../src/cli/jsonc.ts";
import { MAIN, Project } from "./project.ts";

const WORKER = 'export { RoomObject, default } from "roomcast/worker";';
const BINDING = { name: "ROOMS", class_name: "RoomObject" };
const SECRET = /^JWT_SECRET="[\w-]{43}"$/m;

describe("an empty folder", () => {
  it("receives a project", async (t) => {
    const project = new Project(t);
    const { exitCode, stdout, stderr } = await project.run(["init"]);
    assert.deepEqual([exitCode, stderr], [0, ""]);
    assert.deepEqual(Object.keys(project.files()), [
      ".dev.vars",
      ".gitignore",
      "src/worker.js",
      "wrangler.jsonc",
    ]);
    for (const file of Object.keys(project.files())) {
      assert.match(stdout, new RegExp(`^created +${file}`, "m"));
    }
    assert.ok(project.read("src/worker.js").includes(WORKER));
    assert.match(project.read(".dev.vars"), SECRET);
    assert.equal(project.modeOf(".dev.vars"), 0o600);
    assert.equal(project.read(".gitignore"), ".dev.vars\n.prod.vars*\n.wrangler\nnode_modules\n");
    const config = parseJsonc(project.read("wrangler.jsonc")) as Record<string, unknown>;
    assert.equal(config.name, "my-chat");
    assert.equal(config.main, "src/worker.js");
    assert.equal(config.compatibility_date, "2026-10-01");
    assert.deepEqual(config.durable_objects, { bindings: [BINDING] });
    assert.deepEqual(config.migrations, [{ tag: "v1", new_sqlite_classes: ["RoomObject"] }]);
    assert.deepEqual(config.assets, {
      directory: "./node_modules/roomcast/dist/assets",
      binding: "ASSETS",
      run_worker_first: ["/console*"],
    });
    assert.match(stdout, /npm install roomcast\n +npm install --save-dev wrangler\n/);
    assert.match(stdout, /npx roomcast dev\n$/);
  });

  it("is not changed by a second run", async (t) => {
    const project = new Project(t);
    await project.run(["init"]);
    const before = [project.files(), project.times()];
    const { stdout } = await project.run(["init"]);
    assert.deepEqual([project.files(), project.times()], before);
    assert.match(stdout, /^Nothing to do/m);
    assert.doesNotMatch(stdout, /^(created|changed|to do)/m);
  });

  it("is created with the name of the argument", async (t) => {
    const project = new Project(t);
    const { stdout } = await project.run(["init", "apps/Mein Café"]);
    assert.match(project.read("apps/Mein Café/wrangler.jsonc"), /"name": "mein-cafe"/);
    assert.match(stdout, /cd "apps\/Mein Café"/);
  });

  it("may have spaces and non-ASCII characters in its name", async (t) => {
    const project = new Project(t, {}, "Ein Chat – 聊天");
    assert.equal((await project.run(["init"])).exitCode, 0);
    assert.match(project.read("wrangler.jsonc"), /"name": "ein-chat"/);
  });
});

describe("the worker's name", () => {
  for (const [name, expected] of [
    ["@acme/Chat_App", "acme-chat-app"],
    ["--..--", "roomcast"],
    ["x".repeat(62) + "-y", "x".repeat(62)],
  ] as const) {
    it(`is ${expected} for the package ${name}`, async (t) => {
      const project = new Project(t, { "package.json": JSON.stringify({ name }) });
      await project.run(["init"]);
      assert.match(project.read("wrangler.jsonc"), new RegExp(`"name": "${expected}"`));
    });
  }
});

describe("an existing project", () => {
  it("is not advised to install what package.json lists", async (t) => {
    const manifest = { devDependencies: { wrangler: "4" }, dependencies: { roomcast: "0" } };
    const project = new Project(t, { "package.json": JSON.stringify(manifest) });
    assert.doesNotMatch((await project.run(["init"])).stdout, /npm install/);
  });

  it("with a tsconfig.json receives a worker in TypeScript", async (t) => {
    const project = new Project(t, { "tsconfig.json": "{}" });
    await project.run(["init"]);
    assert.ok(project.read("src/worker.ts").includes(WORKER));
    assert.match(project.read("wrangler.jsonc"), /"main": "src\/worker.ts"/);
  });

  it("retains its configuration, to which the missing parts are added", async (t) => {
    const before = `// our worker
{
  "name": "shop", // keep
  "main": "src/index.ts",
  "compatibility_date": "2025-01-01",
  "durable_objects": {
    "bindings": [
      { "name": "CART", "class_name": "Cart" }, // a cart
    ],
  },
  "migrations": [{ "tag": "v1", "new_sqlite_classes": ["Cart"] }]
  /* the end */
}
`;
    const worker = "export default { fetch: () => new Response() };\n";
    const project = new Project(t, { "wrangler.jsonc": before, "src/index.ts": worker });
    const { exitCode, stdout } = await project.run(["init"]);
    assert.equal(exitCode, 0);
    const after = project.read("wrangler.jsonc");
    assert.deepEqual(parseJsonc(after), {
      name: "shop",
      main: "src/index.ts",
      compatibility_date: "2025-01-01",
      durable_objects: { bindings: [{ name: "CART", class_name: "Cart" }, BINDING] },
      migrations: [
        { tag: "v1", new_sqlite_classes: ["Cart"] },
        { tag: "roomcast", new_sqlite_classes: ["RoomObject"] },
      ],
      observability: {
        enabled: true,
        redact_query_string: true,
        logs: { enabled: true, invocation_logs: false },
      },
    });
    let at = 0;
    for (const line of before.split("\n")) {
      const found = after.indexOf(line.replace(/[\]}]*$/, ""), at);
      assert.ok(found >= at, `the line is missing: ${line}`);
      at = found;
    }
    assert.match(stdout, /^changed +wrangler.jsonc: adds .*durable_objects.bindings, migrations/m);
    assert.equal(project.read("src/index.ts"), worker);
    assert.match(stdout, /^to do +src\/index.ts: .*\n +import \{ createRoomcast \}/m);
  });

  it("retains a worker that uses roomcast/worker", async (t) => {
    const worker = 'import { createRoomcast } from "roomcast/worker";\n';
    const project = new Project(t, { "src/worker.js": worker });
    const { stdout } = await project.run(["init"]);
    assert.equal(project.read("src/worker.js"), worker);
    assert.match(stdout, /^unchanged +src\/worker.js$/m);
  });

  it("does not receive a worker at the path of a build's output", async (t) => {
    const project = new Project(t, { "wrangler.json": '{ "main": "dist/worker.js" }' });
    const { stdout } = await project.run(["init"]);
    assert.ok(!project.has("dist"));
    assert.match(stdout, /^to do +dist\/worker.js/m);
  });

  for (const [name, config, message] of [
    [
      "a binding ROOMS for another class",
      { durable_objects: { bindings: [{ name: "ROOMS", class_name: "Hotel" }] } },
      /the binding ROOMS must be for the class RoomObject, not "Hotel"/,
    ],
    [
      "an object without SQLite",
      { migrations: [{ tag: "v1", new_classes: ["RoomObject"] }] },
      /RoomObject must be in new_sqlite_classes, not in new_classes/,
    ],
    ["a list as configuration", [], /the file must contain an object/],
    [
      "bindings of another type",
      { durable_objects: { bindings: {} } },
      /must be a list of objects/,
    ],
  ] as const) {
    it(`with ${name} receives advice, and its configuration is not changed`, async (t) => {
      const text = JSON.stringify(config);
      const project = new Project(t, { "wrangler.jsonc": text });
      const { stdout } = await project.run(["init"]);
      assert.equal(project.read("wrangler.jsonc"), text);
      assert.match(stdout, message);
      assert.match(stdout, /^to do +wrangler.jsonc: .*It must contain:\n +\{/m);
    });
  }

  it("with a wrangler.toml receives the lines to add", async (t) => {
    const toml = 'name = "shop"\nmain = "src/worker.js"\n# class_name = "RoomObject"\n';
    const project = new Project(t, { "wrangler.toml": toml });
    const { stdout } = await project.run(["init"]);
    assert.equal(project.read("wrangler.toml"), toml);
    assert.ok(!project.has("wrangler.jsonc"));
    const lines = stdout.match(/^ {13}.*$/gm)!.map((line) => line.trim());
    assert.deepEqual(lines.slice(0, 5), [
      "# above the first table",
      'compatibility_date = "2026-10-01"',
      "[[durable_objects.bindings]]",
      'name = "ROOMS"',
      'class_name = "RoomObject"',
    ]);
    project.write(
      "wrangler.toml",
      `compatibility_date = "2026-10-01"\n${toml}${lines.slice(2).join("\n")}`,
    );
    assert.match((await project.run(["init"])).stdout, /^unchanged +wrangler.toml$/m);
  });

  it("without valid JSON is not changed at all", async (t) => {
    for (const file of ["wrangler.jsonc", "package.json"]) {
      const project = new Project(t, { [file]: '{\n  "name": oops\n}' }, file);
      const { exitCode, stderr } = await project.run(["init"]);
      assert.equal(exitCode, 1);
      assert.equal(
        stderr,
        `roomcast: ${file}, line 2: expected a value: fix the file, and run this again\n`,
      );
      assert.deepEqual(Object.keys(project.files()), [file]);
    }
  });
});

describe("existing variables", () => {
  for (const [name, before, newline] of [
    ["without a final newline", "A=1\nB=2", "\n"],
    ["with CRLF", "A=1\r\nB=2\r\n", "\r\n"],
    ["with CRLF, without a final newline", "A=1\r\nB=2", "\r\n"],
    ["with an empty secret", "JWT_SECRET=\n", "\n"],
    ["that are empty", "", "\n"],
  ] as const) {
    it(`${name} receive a secret`, async (t) => {
      const project = new Project(t, { ".dev.vars": before });
      await project.run(["init"]);
      const after = project.read(".dev.vars");
      const separator = before === "" || before.endsWith("\n") ? "" : newline;
      assert.ok(after.startsWith(before + separator));
      assert.match(after.slice(before.length + separator.length), /^JWT_SECRET="[\w-]{43}"\r?\n$/);
      assert.ok(after.endsWith(newline));
      assert.equal(
        (await project.run(["token", "--user", "a", "--room", "*", "--can", "publish"])).exitCode,
        0,
      );
    });
  }

  it("that everybody can read become private with the secret", async (t) => {
    const project = new Project(t, { ".dev.vars": "A=1\n" });
    chmodSync(project.path(".dev.vars"), 0o644);
    await project.run(["init"]);
    assert.equal(project.modeOf(".dev.vars"), 0o600);
  });

  it("with a secret are not changed", async (t) => {
    for (const file of [".dev.vars", ".env"]) {
      const text = "export JWT_SECRET='mine'";
      const project = new Project(t, { [file]: text }, file);
      await project.run(["init"]);
      assert.equal(project.read(file), text);
      assert.equal(project.has(".dev.vars"), file === ".dev.vars");
    }
  });

  it("in .env are not used any more once .dev.vars exists, which init says", async (t) => {
    const project = new Project(t, { ".env": "A=1\n" });
    assert.match((await project.run(["init"])).stdout, /reads this file instead of .env/);
  });
});

describe(".gitignore", () => {
  it("receives only the missing lines", async (t) => {
    const before = "/node_modules/\n.dev.vars*\n!keep";
    const project = new Project(t, { ".gitignore": before });
    await project.run(["init"]);
    assert.equal(project.read(".gitignore"), `${before}\n.prod.vars*\n.wrangler\n`);
  });

  it("ignores the secret before the secret is written", async (t) => {
    const project = new Project(t, { ".gitignore/file": "" });
    const { exitCode, stderr } = await project.run(["init"]);
    assert.equal(exitCode, 1);
    assert.match(stderr, /cannot read .*\.gitignore: it is a folder, not a file/);
    assert.ok(!project.has(".dev.vars"));
  });
});

describe("a write that fails", () => {
  it("in a read-only folder leaves no file", async (t) => {
    const project = new Project(t);
    chmodSync(project.folder, 0o555);
    // The root user may write anywhere.
    const uid = process.getuid?.() === 0 ? 65_534 : undefined;
    const { exitCode, stderr } = await project.run(["init"], uid === undefined ? {} : { uid });
    assert.equal(exitCode, 1);
    assert.match(stderr, /^roomcast: cannot write .*\.gitignore: permission denied$/m);
    assert.deepEqual(project.files(), {});
  });

  it("because no byte can be written leaves the old file and no temporary file", async (t) => {
    const files = { ".gitignore": "mine", ".dev.vars": "A=1" };
    const project = new Project(t, files);
    const limited = ["sh", "-c", `ulimit -f 0; exec "$@"`, "sh"];
    const { exitCode, stderr } = await project.run(["init"], {
      command: [...limited, process.execPath, MAIN],
    });
    assert.equal(exitCode, 1);
    assert.match(stderr, /cannot write .*\.gitignore: the file would exceed the size limit/);
    assert.deepEqual(project.files(), files);
  });

  it("because a part of the path is a file names that part", async (t) => {
    const project = new Project(t, { file: "" });
    const { exitCode, stderr } = await project.run(["init", "file/app"]);
    assert.equal(exitCode, 1);
    assert.match(stderr, /a part of the path is a file, not a folder/);
  });
});

it("a symbolic link remains, and its target is changed", async (t) => {
  const project = new Project(t, { "shared/ignored": "mine\n" });
  symlinkSync("shared/ignored", project.path(".gitignore"));
  await project.run(["init"]);
  assert.match(project.read("shared/ignored"), /^mine\n\.dev\.vars\n/);
});
