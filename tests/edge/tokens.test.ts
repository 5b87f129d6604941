import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Socket } from "./client.ts";
import { EventStream } from "./event-stream.ts";
import {
  APP,
  AUDIENCE,
  VARS,
  but,
  ec,
  ed,
  good,
  padded,
  read,
  rooms,
  rsa,
  shared,
  signed,
} from "./issuer.ts";
import { seconds, sign } from "./jwt.ts";
import { Runtime, SECRET } from "./runtime.ts";

let runtime: Runtime;
before(async () => {
  runtime = await Runtime.start({ vars: VARS });
});
after(() => runtime.stop());

describe("a good token", () => {
  const accepted: Record<string, string> = {
    "HS256 with the secret": sign(good, SECRET),
    "HS256 with a key of the set": sign(good, shared, { kid: "oct" }),
    RS256: sign(good, rsa.privateKey, { kid: "rsa" }, "RS256"),
    ES256: sign(good, ec.privateKey, { kid: "ec" }, "ES256"),
    EdDSA: sign(good, ed.privateKey, { kid: "ed" }, "EdDSA"),
    "without a typ": sign(good, SECRET, { typ: undefined }),
    "for several audiences": sign(but({ aud: ["other", AUDIENCE] }), SECRET),
    "expired within the leeway": sign(but({ exp: seconds(-5) }), SECRET),
    "to begin within the leeway": sign(but({ nbf: seconds(20) }), SECRET),
    "as far as time goes": sign(but({ exp: 8_210_266_876_799 }), SECRET),
    "with grants and patterns that nobody knows": sign(
      rooms({ "*": ["subscribe", "levitate"], "a*b": ["publish"], "": ["admin"] }),
      SECRET,
    ),
    "of a user of 128 characters": sign(but({ sub: "🐈".repeat(128) }), SECRET),
    "of just under 8 KiB": padded(8192),
  };
  for (const [what, token] of Object.entries(accepted)) {
    test(what, async () => {
      assert.equal((await read(runtime.url, "r", token)).status, 200);
    });
  }
});

describe("five places for a token, the first that is present counts", () => {
  const bad = sign(good, "a guess that is at least 32 bytes long");
  const cookie = `a=b; roomcast_token=${signed}; c=d`;
  const accepted: Record<
    string,
    { query?: string; offers?: string[]; headers?: Record<string, string> }
  > = {
    Authorization: { headers: { authorization: `Bearer ${signed}` } },
    "Authorization before a bad subprotocol, query and cookie": {
      headers: { authorization: `Bearer ${signed}`, origin: APP, cookie: `roomcast_token=${bad}` },
      offers: ["roomcast.v1", `bearer.${bad}`],
      query: `token=${bad}`,
    },
    "the scheme in another case": { headers: { authorization: `bearer ${signed}` } },
    "another scheme counts as absent": {
      headers: { authorization: "Basic YWxpY2U6c2VjcmV0" },
      query: `token=${signed}`,
    },
    "the subprotocol": { offers: ["roomcast.v1", `bearer.${signed}`] },
    "the subprotocol, whatever the order": { offers: [`bearer.${signed}`, "roomcast.v1"] },
    "the subprotocol before a bad query": {
      offers: ["roomcast.v1", `bearer.${signed}`],
      query: `token=${bad}`,
    },
    "the query": { query: `token=${signed}` },
    "the query before a bad cookie": {
      query: `token=${signed}`,
      headers: { origin: APP, cookie: `roomcast_token=${bad}` },
    },
    "the cookie from an allowed origin": { headers: { origin: APP, cookie } },
  };
  for (const [what, connection] of Object.entries(accepted)) {
    test(what, async () => {
      const socket = await Socket.open(follow("places"), connection);
      assert.equal(socket.protocol, "roomcast.v1", "and never the token");
      assert.equal((await socket.next()).type, "welcome");
      socket.close();
    });
  }

  const refused: typeof accepted = {
    "a bad Authorization, whatever comes after it": {
      headers: { authorization: `Bearer ${bad}`, origin: APP, cookie },
      offers: ["roomcast.v1", `bearer.${signed}`],
      query: `token=${signed}`,
    },
    "a bad subprotocol before a good query": {
      offers: ["roomcast.v1", `bearer.${bad}`],
      query: `token=${signed}`,
    },
    "a bad query before a good cookie": { query: `token=${bad}`, headers: { origin: APP, cookie } },
    "a bad cookie": { headers: { origin: APP, cookie: `roomcast_token=${bad}` } },
  };
  for (const [what, connection] of Object.entries(refused)) {
    test(`${what} is refused`, async () => {
      const socket = await Socket.open(follow("refused"), connection);
      assert.equal((await socket.closed()).code, 4001);
      assert.equal(await runtime.evict("refused"), false, "the room was never in memory");
    });
  }

  const foreign: Record<string, Record<string, string>> = {
    "from a foreign origin": { origin: "https://evil.example.com", cookie },
    "from an origin that begins alike": { origin: `${APP}.evil.com`, cookie },
    "from an origin of another scheme": { origin: "http://app.example.com", cookie },
    "from the origin null": { origin: "null", cookie },
    "without an origin": { cookie },
  };
  for (const [what, headers] of Object.entries(foreign)) {
    test(`a cookie ${what} is no token`, async () => {
      const answer = await fetch(`${runtime.url}/rooms/r/events`, { headers });
      assert.equal(answer.status, 401);
      // A socket without a token waits for its first frame, and hears nothing until then.
      const socket = await Socket.open(follow("foreign"), { headers });
      socket.send({ type: "publish", name: "n", data: 1 });
      assert.equal((await socket.closed()).code, 4001);
    });
  }

  // A browser says no `Origin` with a GET of the page's own origin, and `Sec-Fetch-Site` with all.
  test("a cookie from a page of the service's own is a token for what it reads", async () => {
    const headers = { cookie, "sec-fetch-site": "same-origin" };
    for (const path of ["/events", "/events?since=AAAAAAAA:0&wait=1", "/state", ""]) {
      const answer = await fetch(`${runtime.url}/rooms/r${path}`, { headers });
      assert.notEqual(answer.status, 401, path);
      for (const site of ["same-site", "cross-site", "none"]) {
        const others = { cookie, "sec-fetch-site": site };
        const refused = await fetch(`${runtime.url}/rooms/r${path}`, { headers: others });
        assert.equal(refused.status, 401, `${path} ${site}`);
      }
    }
    const stream = await EventStream.open(follow("own"), { headers });
    assert.equal(stream.status, 200);
    stream.drop();
    // With a socket a browser says where the page is from, and that alone decides.
    const foreign = { ...headers, origin: "https://evil.example.com" };
    const socket = await Socket.open(follow("own"), { headers: foreign });
    socket.send({ type: "publish", name: "n", data: 1 });
    assert.equal((await socket.closed()).code, 4001);
  });

  test("an origin that can never match is an error of the configuration", async (t) => {
    const other = await Runtime.start({ vars: { ...VARS, ALLOWED_ORIGINS: `${APP},${APP}/` } });
    t.after(() => other.stop());
    for (const path of ["/healthz", "/rooms/r/events"])
      assert.equal((await fetch(`${other.url}${path}`)).status, 500, path);
  });

  test("where every origin is allowed, none is for a cookie", async (t) => {
    const other = await Runtime.start({ vars: { ...VARS, ALLOWED_ORIGINS: "*" } });
    t.after(() => other.stop());
    const headers = { origin: APP, cookie };
    assert.equal((await fetch(`${other.url}/rooms/r/events`, { headers })).status, 401);
  });
});

test("a header from outside is not taken for the worker's own", async () => {
  const admin = { user: "alice", grant: ["subscribe", "publish", "admin"], expires_at: 2 ** 52 };
  const forged = {
    "roomcast-identity": encodeURIComponent(JSON.stringify(admin)),
    "roomcast-bridge": "1000000",
  };
  const headers = { ...forged, authorization: `Bearer ${signed}` };
  const erased = await fetch(`${runtime.url}/rooms/forged`, { method: "DELETE", headers });
  assert.equal(erased.status, 403);

  const socket = await Socket.open(follow("forged"), { token: signed, headers: forged });
  const welcome = await socket.next();
  assert.deepEqual([welcome.user, welcome.grant], ["alice", ["subscribe"]]);
  // On a socket that the worker opened for a reader of its own, this would be taken.
  socket.send(Buffer.from(JSON.stringify(admin)));
  assert.equal((await socket.next()).code, "bad_request");
  socket.send({ type: "publish", name: "n", data: 1 });
  assert.equal((await socket.next()).code, "forbidden");
  socket.close();

  const withoutToken = await Socket.open(follow("forged"), { headers: forged });
  withoutToken.send({ type: "publish", name: "n", data: 1 });
  assert.equal((await withoutToken.closed()).code, 4001);
});

function follow(room: string): string {
  return `${runtime.url}/rooms/${room}/events`;
}
