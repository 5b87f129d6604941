/** Tests the JSON Schema of the configuration, which editors show and check. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { Ajv } from "ajv";
import { newConfig } from "../src/cli/config.ts";
import { parseJsonc } from "../src/cli/jsonc.ts";

const read = (path: string): string =>
  readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");

/** The folder of a project, in which the schemas are beside each other. */
const MODULES = "file:///project/node_modules";
const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
ajv.addSchema(
  JSON.parse(read("node_modules/wrangler/config-schema.json")),
  `${MODULES}/wrangler/config-schema.json`,
);
const validate = ajv.compile({
  ...JSON.parse(read("client/config-schema.json")),
  $id: `${MODULES}/roomcast/config-schema.json`,
});

/** Returns the paths of the values that the schema refuses. */
function refused(config: unknown): string[] {
  validate(config);
  return (validate.errors ?? []).map(({ instancePath }) => instancePath);
}

/** Returns the configurations in a page of the docs, of which some are only a part. */
function configsIn(page: string): unknown[] {
  const blocks = [...read(page).matchAll(/```jsonc\n([^]*?)```/g)].map(([, text = ""]) => text);
  return blocks.map((text) => parseJsonc(/^\s*(\/\/[^\n]*\n)?\{/.test(text) ? text : `{${text}}`));
}

describe("the schema of the configuration", () => {
  it("accepts the configurations of init, of the template and of the docs", () => {
    assert.deepEqual(refused(parseJsonc(newConfig("my-chat", "src/worker.ts"))), []);
    assert.deepEqual(refused(parseJsonc(read("create-roomcast/template/wrangler.jsonc"))), []);
    const pages = ["docs", "client/docs"].flatMap((folder) =>
      readdirSync(new URL(`../../${folder}`, import.meta.url)).map((name) => `${folder}/${name}`),
    );
    const configs = pages
      .filter((page) => page.endsWith(".md"))
      .flatMap((page) => configsIn(page).map((config) => ({ page, config })));
    assert(configs.length >= 4, "the docs have configurations");
    for (const { page, config } of configs) assert.deepEqual(refused(config), [], page);
  });

  it("accepts settings as JSON in a text, and variables of the app", () => {
    const vars = { ROOM_SETTINGS: '{"*":{"members":9}}', PUBLIC_ROOMS: '["a"]', MY_OWN: { a: 1 } };
    assert.deepEqual(refused({ vars, env: { staging: { vars } } }), []);
  });

  for (const [what, vars, path] of [
    [
      "a setting that does not exist",
      { ROOM_SETTINGS: { "*": { socket: 1 } } },
      "/ROOM_SETTINGS/*",
    ],
    [
      "a number out of range",
      { ROOM_SETTINGS: { "*": { sockets: 0 } } },
      "/ROOM_SETTINGS/*/sockets",
    ],
    ["a text for a number", { ROOM_SETTINGS: { a: { members: "9" } } }, "/ROOM_SETTINGS/a/members"],
    [
      "a jurisdiction that does not exist",
      { ROOM_SETTINGS: { a: { jurisdiction: "de" } } },
      "/ROOM_SETTINGS/a/jurisdiction",
    ],
    [
      "a URL without a scheme",
      { ROOM_SETTINGS: { a: { webhook_url: "app.example" } } },
      "/ROOM_SETTINGS/a/webhook_url",
    ],
    ["a pattern with a * in the middle", { ROOM_SETTINGS: { "a*": {} } }, "/ROOM_SETTINGS"],
    ["a setting without a pattern", { ROOM_SETTINGS: { members: 9 } }, "/ROOM_SETTINGS/members"],
    ["a level that does not exist", { LOG_LEVEL: "debug" }, "/LOG_LEVEL"],
    ["public rooms that are no patterns", { PUBLIC_ROOMS: ["a*"] }, "/PUBLIC_ROOMS/0"],
    [
      "a right that does not exist",
      { ROOM_GRANTS: { "a:{sub}": ["read"] } },
      "/ROOM_GRANTS/a:{sub}/0",
    ],
  ] as const) {
    it(`refuses ${what}, also in an environment`, () => {
      assert(refused({ vars }).includes(`/vars${path}`), `${refused({ vars })}`);
      const inStaging = refused({ env: { staging: { vars } } });
      assert(inStaging.includes(`/env/staging/vars${path}`), `${inStaging}`);
    });
  }

  it("describes every variable and every setting", () => {
    const { Variables, RoomSettings } = JSON.parse(read("client/config-schema.json")).definitions;
    const described = { ...Variables.properties, ...RoomSettings.properties };
    assert(Object.keys(described).length > 25);
    for (const [name, { description }] of Object.entries<any>(described)) {
      assert.match(description, /^\S.{10,}\.$/, name);
    }
    assert.deepEqual(RoomSettings.properties.flow_window_bytes, {
      description:
        "Maximum size of the events in flight to a session with flow control on a socket of one room. If a quarter of this plus one frame is more, the limit is that sum.",
      type: "integer",
      minimum: 262_144,
      maximum: 16_777_216,
      default: 1_048_576,
    });
  });
});
