import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, get } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, describe, test } from "node:test";
import { setTimeout as passes } from "node:timers/promises";
import { Socket } from "./client.ts";
import { KEYS, VARS, ed, good, read, rsa, shared, signed, stranger } from "./issuer.ts";
import { sign } from "./jwt.ts";
import { Runtime, SECRET } from "./runtime.ts";

describe("JWKS_URL", () => {
  const first = sign(good, rsa.privateKey, { kid: "rsa" }, "RS256");
  const unknown = (kid: string) => sign(good, stranger.ec.privateKey, { kid }, "ES256");

  test("is fetched once, and then cached", async (t) => {
    const issuer = await issuerOf(t, KEYS);
    const { url } = await started(t, issuer.vars);
    assert.equal((await read(url, "r", first)).status, 200);
    const another = sign(good, ed.privateKey, { kid: "ed" }, "EdDSA");
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => read(url, "r", i % 2 ? first : another)),
    );
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
    assert.equal(issuer.fetches, 1);
  });

  test("is fetched once for all who come before it has been fetched", async (t) => {
    const issuer = await issuerOf(t, KEYS, 500);
    const { url } = await started(t, issuer.vars);
    const alice = await Socket.open(`${url}/rooms/r/events`);
    alice.send({ type: "auth", token: first });
    const answers = await Promise.all(Array.from({ length: 20 }, () => read(url, "r", first)));
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
    assert.equal((await alice.next()).type, "welcome");
    assert.equal(issuer.fetches, 1);
    alice.close();
  });

  test("is fetched again if who fetched it has gone, and keeps only those waiting who need it", async (t) => {
    const issuer = await issuerOf(t, KEYS, 500);
    const { url } = await started(t, { ...issuer.vars, JWT_SECRET: SECRET });
    const headers = { authorization: `Bearer ${first}` };
    const going = get(`${url}/rooms/r/events`, { agent: false, headers });
    going.on("error", () => {}); // It is this side's own reset.
    while (issuer.fetches === 0) await passes(10);
    going.socket?.resetAndDestroy();
    const waiting = read(url, "r", first);
    const start = performance.now();
    for (let i = 0; i < 5; i++) assert.equal((await read(url, "r", signed)).status, 200);
    const after = performance.now() - start;
    assert(after < 3_000, `${after} ms`);
    assert.equal((await waiting).status, 200);
    assert.equal(issuer.fetches, 2);
  });

  test("is fetched again for an unknown kid, but at most once a minute", async (t) => {
    const issuer = await issuerOf(t, KEYS);
    const { url } = await started(t, issuer.vars);
    assert.equal((await read(url, "r", first)).status, 200);
    for (let i = 0; i < 20; i++)
      assert.equal((await read(url, "r", unknown(`kid-${i}`))).status, 401);
    assert(issuer.fetches <= 2, `fetched ${issuer.fetches} times`);
    assert.equal((await read(url, "r", first)).status, 200, "the keys that are known still are");
  });

  test("a token without a kid is not looked up", async (t) => {
    const issuer = await issuerOf(t, KEYS);
    const { url } = await started(t, { ...issuer.vars, JWT_SECRET: SECRET });
    assert.equal((await read(url, "r", signed)).status, 200);
    assert.equal((await read(url, "r", sign(good, shared))).status, 401);
    assert.equal(issuer.fetches, 0);
  });

  test("verifies the token of a connection, and what comes behind it waits", async (t) => {
    const issuer = await issuerOf(t, KEYS, 500);
    const { url } = await started(t, issuer.vars);
    const alice = await Socket.open(`${url}/events`);
    alice.send({ type: "auth", token: first });
    alice.send({ type: "subscribe", room: "r" });
    alice.send({ type: "publish", room: "r", ref: "1", name: "n", data: 1 });
    assert.equal((await alice.next()).type, "connected");
    assert.equal((await alice.next()).type, "welcome");
    const { ref, code } = await alice.next();
    assert.deepEqual([ref, code], ["1", "forbidden"]);
    alice.send({ type: "auth", token: unknown("x") });
    assert.equal((await alice.closed()).code, 4001);
  });

  test("verifies the token of an upgrade and of a first frame", async (t) => {
    const issuer = await issuerOf(t, KEYS);
    const { url } = await started(t, issuer.vars);
    const alice = await Socket.open(`${url}/rooms/r/events`);
    alice.send({ type: "auth", token: first });
    assert.equal((await alice.next()).type, "welcome");
    const again = await Socket.open(`${url}/rooms/r/events`, { token: first });
    assert.equal((await again.next()).type, "welcome");
    again.send({ type: "auth", token: unknown("x") });
    assert.equal((await again.closed()).code, 4001);
    alice.close();
  });

  test("while it can't be had, no token with a kid is accepted, and none is refused as bad", async (t) => {
    const issuer = await issuerOf(t, "no key set");
    const { url } = await started(t, issuer.vars);
    for (let i = 0; i < 3; i++) assert.equal((await read(url, "r", first)).status, 500);
  });
});

async function started(t: TestContext, vars: Record<string, string>): Promise<Runtime> {
  const other = await Runtime.start({ vars });
  t.after(() => other.stop());
  return other;
}

/** A server of key sets that counts how often it is asked. */
async function issuerOf(t: TestContext, keys: unknown, afterMs = 0) {
  const issuer = { fetches: 0, vars: {} as Record<string, string> };
  const server = createServer((_, response) => {
    issuer.fetches += 1;
    setTimeout(() => response.end(JSON.stringify(keys)), afterMs);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const { JWT_SECRET, JWT_JWKS, ...others } = VARS;
  issuer.vars = { ...others, JWKS_URL: `http://127.0.0.1:${port}/keys.json` };
  return issuer;
}
