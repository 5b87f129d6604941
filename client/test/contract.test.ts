/**
 * Compares the contract with the package's types. Each table of fields in docs/protocol.md must
 * have exactly the fields of its type, and each example must have that type.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { it } from "node:test";
import { compilerIn } from "./compile.ts";

const compile = compilerIn("contract");
const compilerOptions = { strict: true, noEmit: true, module: "nodenext", target: "es2023" };

const read = (page: string): string =>
  readFileSync(new URL(`../../docs/${page}`, import.meta.url), "utf8");

/** A table of the fields of a type, and the example above the table. */
interface Table {
  readonly type: string;
  readonly example: string | undefined;
  readonly rows: string[][];
}

const TABLE = /\n\| (\w+) \| type \| required \| meaning \|\n\|[- |]+\n((?:\|.*\n)+)/g;

function tablesOf(page: string): Table[] {
  let end = 0;
  return [...page.matchAll(TABLE)].map((match) => {
    const [table, type, rows] = match;
    const before = page.slice(end, match.index);
    end = match.index + table.length;
    const [, example] = /```json\n([^`]*)```\n(?!.*```json)/s.exec(before) ?? [];
    const cells = rows!.trim().split("\n");
    return { type: type!, example, rows: cells.map((row) => row.slice(2, -2).split(" | ")) };
  });
}

/** Returns the TypeScript form of a type in a table. */
const typeOf = (type: string): string =>
  type
    .replace("JSON", "unknown")
    .replace(" or ", " | ")
    .replace(/^(\w+)\[\]$/, "readonly $1[]");

/**
 * Returns the type that a table describes. The tables of frames omit the type of the frame, and the
 * tables of a room's frames omit the room.
 */
function documentedType({ type, example, rows }: Table): string {
  const fields = rows.map(([name, type, required]) => {
    assert.match(required!, /^(yes|no)$/);
    return `${name!.replaceAll("`", "")}${required === "yes" ? "" : "?"}: ${typeOf(type!)};`;
  });
  const isFrame = /(Frame|Request)$/.test(type);
  if (!isFrame) return `{ ${fields.join(" ")} }`;
  const { type: kind, room } = JSON.parse(example!) as { type: string; room?: string };
  const isOfRoom = room !== undefined && !rows.some(([name]) => name === "`room`");
  return `{ type: "${kind}"; ${isOfRoom ? "room: string; " : ""}${fields.join(" ")} }`;
}

const tables = tablesOf(read("protocol.md"));

/**
 * Two types are the same if they are assignable to each other and have the same fields. If they
 * differ, the compiler's message contains the name.
 */
const SAME = `
type Same<Name, A, B> = [A, keyof A] extends [B, keyof B]
  ? [B, keyof B] extends [A, keyof A] ? true : Name
  : Name;
`;

it("documents each field of each type, with its type", () => {
  assert(tables.length > 30, `only ${tables.length} tables`);
  const checks = tables.map(
    (table) =>
      `true satisfies Same<"${table.type}", Wire.${table.type}, ${documentedType(table)}>;`,
  );
  const named = [...new Set(checks.join().match(/\b[A-Z]\w+(?=[\[\];])/g))];
  const imports =
    named.length === 0 ? "" : `import type { ${named.join(", ")} } from "roomcast/protocol";\n`;
  const code = `import type * as Wire from "roomcast/protocol";\n${imports}${SAME}${checks.join("\n")}\n`;
  compile("tables", { "tables.ts": code }, { compilerOptions });
});

it("has an example of each type", () => {
  const examples = tables.filter(({ example }) => example !== undefined);
  assert(examples.length > 25, `only ${examples.length} examples`);
  const values = examples.map(
    ({ type, example }) => `(${example!.trim()}) satisfies Wire.${type};`,
  );
  const code = `import type * as Wire from "roomcast/protocol";\n${values.join("\n")}\n`;
  compile("examples", { "examples.ts": code }, { compilerOptions });
});

/** Returns the codes in the first column of the table under a heading. */
function codesUnder(heading: string): string[] {
  const [section = ""] = read("codes.md").split(`\n## ${heading}\n`)[1]!.split("\n## ");
  return [...section.matchAll(/^\| `(\w+)` \|/gm)].map(([, code]) => code!);
}

it("documents each code of the server and of the client", () => {
  const recordOf = (type: string, codes: string[]): string =>
    `({ ${codes.map((code) => `${code}: 0`).join(", ")} }) satisfies Record<${type}, 0>;`;
  const code = [
    `import type { LocalCode, WireCode } from "roomcast";`,
    recordOf("WireCode", codesUnder("Codes of the server")),
    recordOf("WireCode", codesUnder("What you do")),
    recordOf("LocalCode", codesUnder("Codes of the client")),
  ];
  compile("codes", { "codes.ts": code.join("\n") }, { compilerOptions });
});
