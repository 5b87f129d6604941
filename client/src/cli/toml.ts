/**
 * Reads a wrangler configuration in TOML, which init does not change. Looks for lines, and so
 * ignores which table a line belongs to.
 */
import { COMPATIBILITY_DATE } from "./config.ts";

const ROOT = "# above the first table";

/** Returns the lines that the configuration lacks. */
export function missingLines(toml: string, main: string): string[] {
  const needed: [present: boolean, ...lines: string[]][] = [
    [hasKey(toml, "main"), ROOT, `main = "${main}"`],
    [hasKey(toml, "compatibility_date"), ROOT, `compatibility_date = "${COMPATIBILITY_DATE}"`],
    [
      hasValue(toml, "name", "ROOMS") && hasValue(toml, "class_name", "RoomObject"),
      ...["[[durable_objects.bindings]]", 'name = "ROOMS"', 'class_name = "RoomObject"'],
    ],
    [
      /new_sqlite_classes\s*=\s*\[[^\]]*["']RoomObject["']/.test(withoutComments(toml)),
      ...["[[migrations]]", 'tag = "roomcast"', 'new_sqlite_classes = ["RoomObject"]'],
    ],
    [
      isObserved(toml),
      ...["[observability]", "enabled = true", "redact_query_string = true"],
      ...["[observability.logs]", "enabled = true", "invocation_logs = false"],
    ],
  ];
  return needed.flatMap(([present, ...lines]) => (present ? [] : lines));
}

/** Returns the keys of all tables whose values are strings. */
export const stringsOf = (toml: string): Record<string, string> =>
  Object.fromEntries(
    [...toml.matchAll(/^\s*"?(\w+)"?\s*=\s*(["'])(.*)\2/gm)].map(([, key, , value]) => [
      key,
      value,
    ]),
  );

const HEADER = /^\s*\[\[?([^\]]+)\]\]?\s*(#.*)?$/;
const KEY = /^\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=/;

/** Returns the line of a value, or of the nearest value or table around it that exists. */
export function lineInToml(toml: string, path: readonly string[]): number {
  let table: string[] = [];
  let [best, depth] = [1, 0];
  for (const [index, text] of toml.split("\n").entries()) {
    const [, header] = HEADER.exec(text) ?? [];
    const [, key] = KEY.exec(text) ?? [];
    if (header !== undefined) table = keysIn(header);
    else if (key === undefined) continue;
    const found = [...table, ...(key === undefined ? [] : keysIn(key))];
    if (found.length <= depth || !found.every((step, at) => step === path[at])) continue;
    [best, depth] = [index + 1, found.length];
  }
  return best;
}

/** Returns the parts of a dotted key. */
const keysIn = (key: string): string[] =>
  [...key.matchAll(/"([^"]*)"|'([^']*)'|([\w-]+)/g)].map(([, a, b, c]) => a ?? b ?? c ?? "");

/** Returns whether the log has the queries of requests, which may contain a token. */
export const logsQueries = (toml: string): boolean =>
  isObserved(toml) && !/\bredact_query_string\s*=\s*true\b/.test(withoutComments(toml));

const isObserved = (toml: string): boolean => /^\s*\[?observability\b/m.test(withoutComments(toml));

/** Returns whether the configuration has a table for an environment. */
export const hasEnvironment = (toml: string, name: string): boolean =>
  toml.split("\n").some((line) => {
    const [, header = ""] = HEADER.exec(line) ?? [];
    const [first, second] = keysIn(header);
    return first === "env" && second === name;
  });

const hasKey = (toml: string, key: string): boolean =>
  new RegExp(`^\\s*"?${key}"?\\s*=`, "m").test(toml);

const hasValue = (toml: string, key: string, value: string): boolean =>
  new RegExp(`\\b${key}\\s*=\\s*["']${value}["']`).test(withoutComments(toml));

const withoutComments = (toml: string): string => toml.replace(/^\s*#.*$/gm, "");
