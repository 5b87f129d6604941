/** What nobody may read in the output of a worker: secrets, and every token that was signed. */
import assert from "node:assert/strict";

const secrets = new Set<string>();

export function isSecret(text: string): string {
  assert(text.length >= 32, "a shorter one may be there by chance");
  secrets.add(text);
  return text;
}

export function tellsNoSecret(output: string): void {
  for (const secret of secrets) {
    assert(!output.includes(secret), `the worker's output holds ${secret.slice(0, 8)}…`);
  }
}
