/**
 * Compares docs/openapi.yaml with the routes of the worker, and with the tables of codes, limits and
 * fields in the docs, which other tests compare with the code.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { parse } from "yaml";
import { Runtime } from "../edge/runtime.ts";

const read = (path: string): string =>
  readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");

const source = read("docs/openapi.yaml");
const api = parse(source);
const METHODS = ["get", "post", "delete"];

/** Methods of each path. */
const documented: Record<string, string[]> = Object.fromEntries(
  Object.entries<object>(api.paths).map(([path, item]) => [
    path,
    METHODS.filter((method) => method in item).map((method) => method.toUpperCase()),
  ]),
);
const operations: any[] = Object.values<any>(api.paths).flatMap((item) =>
  METHODS.filter((method) => method in item).map((method) => item[method]),
);

let runtime: Runtime;
before(async () => {
  runtime = await Runtime.start();
});
after(() => runtime.stop());

test("the paths are those of the router", () => {
  const patterns = [...read("src/route.rs").matchAll(/\[("\w+"(?:, (?:"\w+"|_))*)\] => PathKind/g)];
  const paths = patterns.map(
    ([, pattern]) =>
      `/${pattern!.replaceAll('"', "").replaceAll(", ", "/").replace("_", "{room}")}`,
  );
  assert.deepEqual(Object.keys(documented).sort(), paths.sort());
});

test("the methods are those that the worker allows", async () => {
  for (const [path, methods] of Object.entries(documented)) {
    const answer = await fetch(runtime.url + path.replace("{room}", "r"), { method: "PUT" });
    assert.deepEqual([answer.status, answer.headers.get("allow")], [405, methods.join(", ")], path);
  }
});

test("the codes are those that can answer a request, with their statuses", () => {
  const answers = rowsOf("docs/codes.md", "code").filter(([, status]) => /^\d+$/.test(status!));
  const codes = Object.fromEntries(answers.map(([code, status]) => [nameIn(code!), status]));
  assert.deepEqual(api.components.schemas.Code.enum.toSorted(), Object.keys(codes).sort());

  const statuses: Record<string, string> = {};
  for (const { responses } of operations) {
    for (const [status, { $ref }] of Object.entries<any>(responses)) {
      if (status.startsWith("2")) continue;
      const [, { properties }] = at($ref).content["application/json"].schema.allOf;
      const { code } = properties.error.properties;
      for (const name of code.enum ?? [code.const]) statuses[name] = status;
    }
  }
  assert.deepEqual(statuses, codes);
});

test("the fields are those of the contract", () => {
  const tables = [...read("docs/protocol.md").matchAll(/^\| (\w+) \| type \| required \|/gm)];
  const schemas = tables.map(([, name]) => name!).filter((name) => name in api.components.schemas);
  assert(schemas.length > 10, `only ${schemas}`);
  for (const schema of schemas) {
    const fields = rowsOf("docs/protocol.md", schema).map(([name, , required]) => [
      nameIn(name!),
      required === "yes",
    ]);
    const { properties, required } = api.components.schemas[schema];
    const described = Object.keys(properties).map((name) => [name, required.includes(name)]);
    assert.deepEqual(described.sort(), fields.sort(), schema);
  }
});

test("the numbers are those of the limits", () => {
  const limits = Object.fromEntries(
    rowsOf("docs/limits.md", "what").map(([, limit, name]) => [nameIn(name!), limit!]),
  );
  const numbers: Record<string, string> = {
    "RoomName.maxLength": "ROOM_NAME",
    "User.maxLength": "USER",
    "Seq.maximum": "SAFE_INTEGER",
    "Time.maximum": "SAFE_INTEGER",
    "NewEvent.name.maxLength": "NAME",
    "NewEvent.key.maxLength": "KEY",
    "NewEvent.id.maxLength": "ID",
    "NewEvent.origin.maxLength": "ORIGIN",
    "NewSignal.name.maxLength": "NAME",
    "NewEvents.events.maxItems": "EVENTS_IN_A_PUBLISH",
    "AddressedEvents.events.maxItems": "EVENTS_IN_A_PUBLISH",
    "PublishAnswer.seqs.maxItems": "EVENTS_IN_A_PUBLISH",
    "PublishResults.rooms.maxItems": "ROOMS_IN_A_PUBLISH",
    "PageAnswer.events.maxItems": "PAGE_EVENTS",
    "RoomsAnswer.rooms.maxItems": "LISTED_ROOMS",
    "prefix.maxLength": "ROOM_NAME",
    "last.maximum": "SAFE_INTEGER",
    "limit.maximum": "PAGE_EVENTS",
    "limit.default": "PAGE_EVENTS_DEFAULT",
    "wait.maximum": "WAIT_MS",
  };
  const parameters = operations.flatMap(({ parameters = [] }) => parameters);
  const schemas = {
    ...api.components.schemas,
    ...Object.fromEntries(parameters.map(({ name, schema }: any) => [name, schema])),
  };
  const described = Object.entries(schemas).flatMap(([name, schema]) => maximaOf(name, schema));
  const expected = Object.entries(numbers).map(([path, limit]) => [path, amount(limits[limit]!)]);
  assert.deepEqual(described.sort(), expected.sort());

  const amounts = new Set(Object.values(limits));
  for (const [text] of source.matchAll(/\b[\d,]+\s+(?:KiB|MiB|levels)\b/g))
    assert(amounts.has(text.replace(/\s+/, " ")), `${text} is no limit`);
  assert.match(source, new RegExp(`more than ${limits.ROOMS_IN_A_PUBLISH} rooms`));
});

/** Returns the rows of the tables whose first column has this name. */
function rowsOf(page: string, firstColumn: string): string[][] {
  const tables = read(page).matchAll(
    new RegExp(`^\\| ${firstColumn} \\|.*\\n\\|[- |]+\\n((?:\\|.*\\n)+)`, "gm"),
  );
  return [...tables].flatMap(([, rows]) =>
    rows!
      .trimEnd()
      .split("\n")
      .map((row) => row.slice(2, -2).split(" | ")),
  );
}

const nameIn = (cell: string): string => cell.replaceAll("`", "");

function at(reference: string): any {
  return reference
    .split("/")
    .slice(1)
    .reduce((parent, name) => parent[name], api);
}

/** Returns the upper limits and defaults in a schema, by their paths. */
function maximaOf(path: string, schema: unknown): [string, number][] {
  return Object.entries(schema as object).flatMap(([key, value]): [string, number][] => {
    if (/^(max\w+|default)$/.test(key)) return [[`${path}.${key}`, value]];
    if (typeof value !== "object") return [];
    return maximaOf(/^(properties|items|allOf|\d+)$/.test(key) ? path : `${path}.${key}`, value);
  });
}

/** Parses an amount in the notation of docs/limits.md. Times are in seconds, as in the query. */
function amount(text: string): number {
  return text === "2^53 − 1" ? Number.MAX_SAFE_INTEGER : Number.parseInt(text.replaceAll(",", ""));
}
