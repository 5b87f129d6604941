/** Tests the steps of docs/secrets.md that replace a secret, with the command of that page. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createSecretKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "node:test";
import { claims, sign } from "./jwt.ts";
import { Runtime, SECRET } from "./runtime.ts";
import { registerSecret } from "./secrets.ts";

const PAGE = resolve(import.meta.dirname, "../../docs/secrets.md");

test("no token is rejected while a secret is replaced by a key of a set", async (t) => {
  const [, command] = /^ *(node -e .*) > next\.jwks$/m.exec(readFileSync(PAGE, "utf8"))!;
  const jwks = registerSecret(execFileSync("sh", ["-c", command!], { encoding: "utf8" }).trim());
  const [{ kid, k }] = JSON.parse(jwks).keys;
  const ofSecret = sign(claims("alice", ["subscribe"]), SECRET);
  const key = createSecretKey(k, "base64url");
  const ofSet = sign(claims("alice", ["subscribe"]), key, { kid });

  const runtime = await Runtime.start();
  t.after(() => runtime.stop());
  const statusOf = async (token: string): Promise<number> => {
    const headers = { authorization: `Bearer ${token}` };
    return (await fetch(`${runtime.url}/rooms/r/events`, { headers })).status;
  };
  assert.deepEqual([await statusOf(ofSecret), await statusOf(ofSet)], [200, 401]);
  await runtime.deploy({ vars: { JWT_SECRET: SECRET, JWT_JWKS: jwks } });
  assert.deepEqual([await statusOf(ofSecret), await statusOf(ofSet)], [200, 200]);
  await runtime.deploy({ vars: { JWT_JWKS: jwks } });
  assert.deepEqual([await statusOf(ofSecret), await statusOf(ofSet)], [401, 200]);
  assert.equal((await fetch(`${runtime.url}/healthz`)).status, 200);
});
