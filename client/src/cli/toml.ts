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
      /^\s*\[?observability\b/m.test(withoutComments(toml)),
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

const hasKey = (toml: string, key: string): boolean =>
  new RegExp(`^\\s*"?${key}"?\\s*=`, "m").test(toml);

const hasValue = (toml: string, key: string, value: string): boolean =>
  new RegExp(`\\b${key}\\s*=\\s*["']${value}["']`).test(withoutComments(toml));

const withoutComments = (toml: string): string => toml.replace(/^\s*#.*$/gm, "");
