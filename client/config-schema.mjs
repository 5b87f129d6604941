// Creates the JSON Schema of a wrangler configuration with the variables of Roomcast. Names,
// descriptions, defaults and ranges come from the tables of the docs, which `tests/it/docs.rs`
// compares with the code.
import { readFileSync } from "node:fs";

const DOCS = new URL("../docs/", import.meta.url);

const UNITS = {
  B: 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  ms: 1,
  s: 1000,
  h: 3_600_000,
  d: 24 * 3_600_000,
};

/** Schemas of the variables that are not plain texts. */
const VARIABLES = {
  LOG_LEVEL: { enum: ["error", "warn", "info", ""] },
  JWKS_URL: { type: "string", pattern: "^(https?://.+)?$" },
  PUBLIC_ROOMS: { type: ["array", "string"], items: ref("Pattern") },
  ROOM_GRANTS: {
    type: ["object", "string"],
    additionalProperties: {
      type: "array",
      items: { enum: ["subscribe", "publish", "presence", "admin"] },
    },
  },
  ROOM_SETTINGS: {
    type: ["object", "string"],
    propertyNames: ref("Pattern"),
    additionalProperties: ref("RoomSettings"),
  },
};

export function configSchema() {
  const vars = { vars: ref("Variables") };
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "The configuration of wrangler, with the variables of Roomcast",
    allOf: [{ $ref: "../wrangler/config-schema.json" }],
    properties: {
      ...vars,
      env: { additionalProperties: { properties: vars } },
    },
    definitions: {
      Variables: { properties: variables() },
      Pattern: {
        description: "The name of a room, a prefix that ends in `:*`, or `*`.",
        type: "string",
        pattern: "^(\\*|[\\w=@,.;-]+(:[\\w=@,.;-]+)*(:\\*)?)$",
      },
      RoomSettings: { type: "object", additionalProperties: false, properties: settings() },
    },
  };
}

function variables() {
  const rows = rowsUnder("configure.md", ["name", "meaning"]);
  const entries = rows.flatMap(([names, meaning]) =>
    codesIn(names).map((name) => {
      const schema = VARIABLES[name] ?? { type: "string" };
      return [name, { description: sentence(meaning), ...schema }];
    }),
  );
  return Object.fromEntries(entries);
}

function settings() {
  const rows = rowsUnder("limits.md", ["setting", "what", "default", "range"]);
  const entries = rows.map(([name, what, byDefault, range]) => {
    const schema = rangeSchema(range);
    const initial = byDefault === "none" ? {} : { default: valueOf(byDefault) };
    return [codesIn(name)[0], { description: sentence(what), ...schema, ...initial }];
  });
  return Object.fromEntries(entries);
}

function rangeSchema(range) {
  if (range === "a URL") return { type: "string", pattern: "^(https?://.+)?$" };
  if (range === "`false` or `true`") return { type: "boolean" };
  if (range.startsWith("`")) return { enum: codesIn(range) };
  const [minimum, maximum] = range.split(" to ").map(valueOf);
  return { type: "integer", minimum, maximum };
}

/** Parses a value in the notation of the docs. A number with a unit is in ms or bytes. */
function valueOf(text) {
  if (text === "`false`" || text === "`true`") return text === "`true`";
  const [digits, unit] = text.split(" ");
  const value = Number(digits.replaceAll(",", "")) * (unit === undefined ? 1 : UNITS[unit]);
  if (!Number.isSafeInteger(value)) throw new Error(`docs/limits.md: ${text} is no number`);
  return value;
}

/** Returns the text of a cell without links, as a sentence. */
function sentence(markdown) {
  const text = markdown.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1");
  return `${text[0].toUpperCase()}${text.slice(1)}.`;
}

const codesIn = (markdown) => [...markdown.matchAll(/`([^`]*)`/g)].map(([, code]) => code);

function ref(definition) {
  return { $ref: `#/definitions/${definition}` };
}

/** Returns the rows of the table of a page that has these columns. */
function rowsUnder(page, columns) {
  const lines = readFileSync(new URL(page, DOCS), "utf8").split("\n");
  const cells = (line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim());
  const header = lines.findIndex((line) => cells(line).join("|") === columns.join("|"));
  if (header === -1) throw new Error(`docs/${page} has no table of ${columns.join(", ")}`);
  const rows = lines.slice(header + 2);
  return rows
    .slice(
      0,
      rows.findIndex((line) => !line.startsWith("|")),
    )
    .map(cells);
}
