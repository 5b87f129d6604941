/** Secrets and signed tokens of the tests, which must not appear in the output of a worker. */
import assert from "node:assert/strict";

const secrets = new Set<string>();

export function registerSecret(text: string): string {
  assert(text.length >= 32, "a shorter text may appear by chance");
  secrets.add(text);
  return text;
}

export function assertNoSecret(output: string): void {
  for (const secret of secrets) {
    assert(!output.includes(secret), `the worker's output contains ${secret.slice(0, 8)}…`);
  }
}
