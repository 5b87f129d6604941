import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, open, readFile, rm } from "node:fs/promises";
import { type IncomingMessage, type ServerResponse, createServer, get } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Socket } from "./client.ts";
import {
  KEYS,
  VARS,
  goodExcept,
  ec,
  ed,
  goodClaims,
  jwk,
  readEvents,
  rsa,
  shared,
  goodToken,
  untrusted,
} from "./issuer.ts";
import { sign } from "./jwt.ts";
import { Runtime, SECRET } from "./runtime.ts";

const first = sign(goodClaims, rsa.privateKey, { kid: "rsa" }, "RS256");

describe("JWKS_URL", () => {
  const unknown = (kid: string) => sign(goodClaims, untrusted.ec.privateKey, { kid }, "ES256");

  test("is fetched once, and then cached", async (t) => {
    const issuer = await issuerOf(t, KEYS);
    const { url } = await started(t, issuer.vars);
    assert.equal((await readEvents(url, "r", first)).status, 200);
    const another = sign(goodClaims, ed.privateKey, { kid: "ed" }, "EdDSA");
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => readEvents(url, "r", i % 2 ? first : another)),
    );
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
    assert.equal(issuer.fetches, 1);
  });

  test("is fetched once for all requests that arrive during the first fetch", async (t) => {
    const issuer = await issuerOf(t, KEYS, 500);
    const { url } = await started(t, issuer.vars);
    const alice = await Socket.open(`${url}/rooms/r/events`);
    alice.send({ type: "auth", token: first });
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => readEvents(url, "r", first)),
    );
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
    assert.equal((await alice.next()).type, "welcome");
    assert.equal(issuer.fetches, 1);
    alice.close();
  });

  test("is fetched again if the request that fetched it is canceled, and delays only requests that need it", async (t) => {
    const issuer = await issuerOf(t, KEYS, 500);
    const { url } = await started(t, { ...issuer.vars, JWT_SECRET: SECRET });
    const headers = { authorization: `Bearer ${first}` };
    const canceled = get(`${url}/rooms/r/events`, { agent: false, headers });
    canceled.on("error", () => {}); // The test itself resets the connection.
    while (issuer.fetches === 0) await sleep(10);
    canceled.socket?.resetAndDestroy();
    const waiting = readEvents(url, "r", first);
    const start = performance.now();
    for (let i = 0; i < 5; i++) assert.equal((await readEvents(url, "r", goodToken)).status, 200);
    const after = performance.now() - start;
    assert(after < 3_000, `${after} ms`);
    assert.equal((await waiting).status, 200);
    assert.equal(issuer.fetches, 2);
  });

  test("is fetched again for an unknown kid, but at most once a minute", async (t) => {
    const issuer = await issuerOf(t, KEYS);
    const { url } = await started(t, issuer.vars);
    assert.equal((await readEvents(url, "r", first)).status, 200);
    for (let i = 0; i < 20; i++)
      assert.equal((await readEvents(url, "r", unknown(`kid-${i}`))).status, 401);
    assert(issuer.fetches <= 2, `fetched ${issuer.fetches} times`);
    assert.equal((await readEvents(url, "r", first)).status, 200, "known keys are still cached");
  });

  test("is not fetched for a token without a kid", async (t) => {
    const issuer = await issuerOf(t, KEYS);
    const { url } = await started(t, { ...issuer.vars, JWT_SECRET: SECRET });
    assert.equal((await readEvents(url, "r", goodToken)).status, 200);
    assert.equal((await readEvents(url, "r", sign(goodClaims, shared))).status, 401);
    assert.equal(issuer.fetches, 0);
  });

  test("is used to verify the token of a connection, and later frames wait for the result", async (t) => {
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

  test("is used to verify the token of an upgrade and of a first frame", async (t) => {
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

  test("that can't be fetched causes 500, not 401, for tokens with a kid", async (t) => {
    const issuer = await issuerOf(t, "no key set");
    const { url } = await started(t, issuer.vars);
    for (let i = 0; i < 3; i++) assert.equal((await readEvents(url, "r", first)).status, 500);
  });
});

/**
 * Maximum time until a rotated key is accepted. For an unknown `kid`, keys are fetched at most once
 * a minute. The constant adds 15 s for a busy machine.
 */
const ROTATED_WITHIN_MS = 60_000 + 15_000;

/** Number of bytes that exceeds both the limit of a key set and the size of the socket buffers. */
const ENDLESS_BYTES = 32_000_000;

describe("the keys at JWKS_URL", { concurrency: true }, () => {
  test("can be rotated while sessions are open and keys are cached", async (t) => {
    const issuer = await issuerOf(t, { keys: [jwk(rsa.publicKey, "rsa")] });
    const { url } = await started(t, { ...issuer.vars, JWT_SECRET: SECRET });
    const renewed = sign(goodClaims, ec.privateKey, { kid: "ec" }, "ES256");
    const [alice, again] = await Promise.all(
      [1, 2].map(() => Socket.open(`${url}/rooms/r/events`, { token: first })),
    );
    assert.equal((await alice!.next()).type, "welcome");
    assert.equal((await again!.next()).type, "welcome");

    issuer.keys = { keys: [jwk(ec.publicKey, "ec")] };
    for (const end = Date.now() + ROTATED_WITHIN_MS; issuer.fetches === 1; await sleep(200)) {
      assert(Date.now() < end, "the new key is not fetched");
      assert.equal(
        (await readEvents(url, "r", first)).status,
        200,
        "the cached key is valid until then",
      );
      await readEvents(url, "r", renewed);
    }
    assert.equal((await readEvents(url, "r", renewed)).status, 200);
    assert.equal((await readEvents(url, "r", first)).status, 401, "the old key was removed");
    assert.equal(issuer.fetches, 2);

    // If the key of a session's token is removed, the session stays open. A new token that is
    // signed with the removed key is rejected.
    again!.send({ type: "auth", token: first });
    assert.equal((await again!.closed()).code, 4001);
    alice!.send({ type: "auth", token: renewed });
    const publisher = sign(goodExcept({ rooms: { r: ["publish"] } }), SECRET);
    const published = await fetch(`${url}/rooms/r/events`, {
      method: "POST",
      headers: { authorization: `Bearer ${publisher}` },
      body: '{"name":"n","data":1}',
    });
    assert.equal(published.status, 201);
    assert.equal((await alice!.next()).type, "authorized");
    assert.equal((await alice!.next()).type, "events");
    alice!.close();
  });

  test("are read only up to 256 KiB", async (t) => {
    const issuer = await issuerOf(t, KEYS);
    const spaces = Buffer.alloc(64 * 1024, " ");
    let written = 0;
    const gone = Promise.withResolvers<void>();
    issuer.answer = (response) => {
      const write = () => {
        do written += spaces.length;
        while (written < ENDLESS_BYTES && response.write(spaces));
        if (written >= ENDLESS_BYTES) response.destroy();
      };
      response.on("drain", write).on("close", gone.resolve);
      write();
    };
    const log = await logOf(t);
    const { url } = await started(t, issuer.vars, log.file.fd);
    assert.equal((await readEvents(url, "r", first)).status, 500);
    await gone.promise;
    assert(written < ENDLESS_BYTES, "the worker reads beyond the limit");
    assert.match(
      await log.text(),
      /"keys_unavailable".* longer than 262144 bytes","meanwhile":"none were fetched yet/,
    );
    issuer.answer = answerWithKeys;
    while ((await readEvents(url, "r", first)).status === 500) await sleep(200);
    assert.equal((await readEvents(url, "r", first)).status, 200);
  });

  test("are not fetched from the target of a redirect", async (t) => {
    const issuer = await issuerOf(t, KEYS);
    const requested: string[] = [];
    issuer.answer = (response, { url = "" }) => {
      requested.push(url);
      if (url === "/keys.json") response.writeHead(302, { location: "/moved.json" }).end();
      else response.end(JSON.stringify(KEYS));
    };
    const log = await logOf(t);
    const { url } = await started(t, issuer.vars, log.file.fd);
    assert.equal((await readEvents(url, "r", first)).status, 500);
    assert.deepEqual(requested, ["/keys.json"]);
    assert.match(
      await log.text(),
      /"keys_unavailable","cause":"answered 302: redirects are not followed/,
    );
  });

  test("that can't be fetched fail /healthz until they have been fetched once", async (t) => {
    const issuer = await issuerOf(t, KEYS);
    const answerWith503 = (response: ServerResponse) => response.writeHead(503).end("{}");
    issuer.answer = answerWith503;
    const log = await logOf(t);
    const { url } = await started(t, issuer.vars, log.file.fd);
    const health = async () => (await fetch(`${url}/healthz`)).status;
    assert.equal(await health(), 500);
    assert.match(await log.text(), /"cause":"answered 503","meanwhile":"none were fetched yet/);
    for (let i = 0; i < 10; i++) await health();
    assert(issuer.fetches <= 3, `${issuer.fetches} fetches: the limit is one a second`);
    issuer.answer = answerWithKeys;
    while ((await health()) === 500) await sleep(100);
    const { fetches } = issuer;
    assert.equal((await readEvents(url, "r", first)).status, 200);

    // After the first fetch, the health check succeeds even if the issuer is down.
    issuer.answer = answerWith503;
    assert.equal(await health(), 200);
    assert.equal((await readEvents(url, "r", first)).status, 200);
    assert.equal(issuer.fetches, fetches);
  });

  test("are not fetched over http from a remote host, because others could imitate it", async (t) => {
    const issuer = await issuerOf(t, KEYS);
    const log = await logOf(t);
    const vars = { ...issuer.vars, JWKS_URL: "http://issuer.example/keys.json" };
    const { url } = await started(t, vars, log.file.fd);
    assert.equal((await fetch(`${url}/healthz`)).status, 500);
    assert.match(
      await log.text(),
      /"configuration_invalid","cause":"JWKS_URL must be like `https:/,
    );
  });
});

async function started(
  t: TestContext,
  vars: Record<string, string>,
  log?: number,
): Promise<Runtime> {
  const other = await Runtime.start({ vars, log });
  t.after(() => other.stop());
  return other;
}

/** Opens a file for the log of a runtime. */
async function logOf(t: TestContext) {
  const directory = await mkdtemp(join(tmpdir(), "roomcast-log-"));
  t.after(() => rm(directory, { recursive: true }));
  const path = join(directory, "log");
  const file = await open(path, "w");
  t.after(() => file.close());
  return { file, text: () => readFile(path, "utf8") };
}

interface Issuer {
  keys: unknown;
  /** Number of requests received. */
  fetches: number;
  answer(response: ServerResponse, request: IncomingMessage): void;
  /** Configuration of a worker that trusts this issuer. */
  vars: Record<string, string>;
}

/** Starts a server that returns a key set and counts the requests. */
async function issuerOf(t: TestContext, keys: unknown, afterMs = 0): Promise<Issuer> {
  const issuer: Issuer = { keys, fetches: 0, answer: answerWithKeys, vars: {} };
  const server = createServer((request, response) => {
    issuer.fetches += 1;
    setTimeout(() => issuer.answer(response, request), afterMs);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const { JWT_SECRET, JWT_JWKS, ...others } = VARS;
  issuer.vars = { ...others, JWKS_URL: `http://127.0.0.1:${port}/keys.json` };
  return issuer;
}

function answerWithKeys(this: Issuer, response: ServerResponse): void {
  response.end(JSON.stringify(this.keys));
}
