/** Checks configurations with the command of the packed package, and with the real wrangler. */
import assert from "node:assert/strict";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { emptyFolder, install, runIn } from "./package.ts";

const VARS = `"vars": {
    "ROOM_SETTINGS": {
      "shipments:*": {
        "members": 9,
        "sockets": 0,
        "jurisdiction": "de"
      }
    },`;

const TOML = `name = "chat"
main = "src/worker.js"
compatibility_date = "2026-10-01"
durable_objects.bindings = [{ name = "ROOMS", class_name = "RoomObject" }]
migrations = [{ tag = "v1", new_sqlite_classes = ["RoomObject"] }]

[observability]
enabled = true
redact_query_string = true

[env.staging]
durable_objects.bindings = [{ name = "ROOMS", class_name = "RoomObject" }]

[env.staging.vars.ROOM_SETTINGS."shipments:*"]
members = 9
sockets = 0
`;

test("check names the line of each wrong setting", async (t) => {
  const folder = await emptyFolder(t);
  await install(folder);
  await runIn(folder, "npx", "roomcast", "init");
  const check = (...args: string[]) => runIn(folder, "npx", "roomcast", "check", ...args);
  assert.match(await check(), /^wrangler\.jsonc and \.dev\.vars: nothing is wrong/);

  const path = join(folder, "wrangler.jsonc");
  const text = await readFile(path, "utf8");
  await writeFile(path, text.replace('"vars": {', VARS));
  await assert.rejects(check(), ({ code, stderr }: { code: number; stderr: string }) => {
    assert.equal(code, 1);
    assert.deepEqual(stderr.trim().split("\n"), [
      'wrangler.jsonc:24: ROOM_SETTINGS: "shipments:*": sockets is 0; it must be 1 to 32000',
      'wrangler.jsonc:25: ROOM_SETTINGS: "shipments:*": jurisdiction is "de"; it must be one of eu, us, fedramp',
    ]);
    return true;
  });

  await rm(path);
  await writeFile(join(folder, "wrangler.toml"), TOML);
  assert.match(await check(), /^wrangler\.toml and \.dev\.vars: nothing is wrong/);
  await assert.rejects(check("--env", "staging"), ({ stderr }: { stderr: string }) => {
    assert.match(stderr, /^wrangler\.toml:16: ROOM_SETTINGS: "shipments:\*": sockets is 0/);
    return true;
  });
});
