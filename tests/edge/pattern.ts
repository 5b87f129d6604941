/**
 * JSON values with variables. `fill` replaces the variables in a value before it is sent. `match`
 * compares a received value with a pattern.
 */
import { deepStrictEqual } from "node:assert/strict";
import { createHmac } from "node:crypto";

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Bound = Map<string, Json>;

const VARIABLE = /\$([a-z]\w*)/g;

/** Replaces the variables and generators in a value. An unbound variable is not changed. */
export function fill(value: Json, bound: Bound): Json {
  if (typeof value === "string") {
    const whole = /^\$([a-z]\w*)$/.exec(value)?.[1];
    if (whole !== undefined) return bound.get(whole) ?? value;
    return value.replace(VARIABLE, (text, name) => String(bound.get(name) ?? text));
  }
  if (Array.isArray(value)) return value.map((item) => fill(item, bound));
  if (value === null || typeof value !== "object") return value;
  const { $repeat, $each, $auth, times } = value;
  if (typeof $auth === "string") {
    const { key, secret } = bound.get("app") as { key: string; secret: string };
    const signed = fill(`${$auth} `, bound) as string;
    return `${key}:${hmac(secret, signed.slice(0, -1))}`;
  }
  if (typeof $repeat === "string") return $repeat.repeat(times as number);
  if ($each !== undefined)
    return Array.from({ length: times as number }, (_, i) =>
      fill($each, new Map(bound).set("i", i + 1)),
    );
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fill(item, bound)]));
}

/** Returns the signature of a text in Pusher's protocol. */
export const hmac = (secret: string, text: string): string =>
  createHmac("sha256", secret).update(text).digest("hex");

/**
 * Throws if `actual` does not match the pattern. Binds each unbound variable to the value at the
 * same place in `actual`.
 */
export function match(pattern: Json, actual: Json, bound: Bound, where = ""): void {
  const expected = fill(pattern, bound);
  if (expected === "$any") return;
  const name = typeof expected === "string" ? /^\$([a-z]\w*)$/.exec(expected)?.[1] : undefined;
  if (name !== undefined) {
    bound.set(name, actual);
  } else if (Array.isArray(expected) && Array.isArray(actual)) {
    if (expected.length !== actual.length)
      throw new Error(`${where} has ${actual.length} items, not ${expected.length}`);
    for (const [i, item] of actual.entries())
      match(expected[i] as Json, item, bound, `${where}[${i}]`);
  } else if (isObject(expected) && isObject(actual)) {
    for (const key of Object.keys(expected)) {
      if (key === "...") continue;
      if (!(key in actual)) throw new Error(`${where}.${key} is missing from ${shortened(actual)}`);
      match(expected[key] as Json, actual[key] as Json, bound, `${where}.${key}`);
    }
    for (const key of Object.keys(actual)) {
      if (key in expected || "..." in expected || isImplied(key, actual[key] as Json)) continue;
      throw new Error(`${where}.${key} is not expected in ${shortened(actual)}`);
    }
  } else {
    deepStrictEqual(
      actual,
      expected,
      `${where} is ${shortened(actual)}, not ${shortened(expected)}`,
    );
  }
}

/**
 * Whether a scenario may omit the field `key`. Every event has a time, and every error has a
 * message. Scenarios may therefore omit these two fields.
 */
function isImplied(key: string, value: Json): boolean {
  return (
    (key === "at" && Number.isSafeInteger(value)) ||
    (key === "message" && typeof value === "string" && value !== "")
  );
}

function isObject(value: Json): value is { [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function shortened(value: Json): string {
  const text = JSON.stringify(value);
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
