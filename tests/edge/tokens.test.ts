import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Socket } from "./client.ts";
import { EventStream } from "./event-stream.ts";
import {
  APP,
  AUDIENCE,
  VARS,
  goodExcept,
  ec,
  ed,
  goodClaims,
  tokenOfBytes,
  readEvents,
  withRooms,
  rsa,
  shared,
  goodToken,
} from "./issuer.ts";
import { endsIn, seconds, sign } from "./jwt.ts";
import { Runtime, SECRET } from "./runtime.ts";

let runtime: Runtime;
before(async () => {
  runtime = await Runtime.start({ vars: VARS });
});
after(() => runtime.stop());

describe("a valid token is accepted", () => {
  const accepted: Record<string, string> = {
    "signed with HS256 and the secret": sign(goodClaims, SECRET),
    "signed with HS256 and a key of the set": sign(goodClaims, shared, { kid: "oct" }),
    "signed with RS256": sign(goodClaims, rsa.privateKey, { kid: "rsa" }, "RS256"),
    "signed with ES256": sign(goodClaims, ec.privateKey, { kid: "ec" }, "ES256"),
    "signed with EdDSA": sign(goodClaims, ed.privateKey, { kid: "ed" }, "EdDSA"),
    "without a typ": sign(goodClaims, SECRET, { typ: undefined }),
    "for several audiences": sign(goodExcept({ aud: ["other", AUDIENCE] }), SECRET),
    "with an exp in the past, within the leeway": sign(goodExcept({ exp: seconds(-5) }), SECRET),
    "with an nbf in the future, within the leeway": sign(goodExcept({ nbf: seconds(20) }), SECRET),
    "with the largest exp": sign(goodExcept({ exp: 8_210_266_876_799 }), SECRET),
    "with unknown grants and patterns": sign(
      withRooms({ "*": ["subscribe", "levitate"], "a*b": ["publish"], "": ["admin"] }),
      SECRET,
    ),
    "of a user of 128 characters": sign(goodExcept({ sub: "🐈".repeat(128) }), SECRET),
    "of exactly 8 KiB": tokenOfBytes(8192),
  };
  for (const [what, token] of Object.entries(accepted)) {
    test(what, async () => {
      assert.equal((await readEvents(runtime.url, "r", token)).status, 200);
    });
  }
});

describe("a token is read from the first of its five sources that is present", () => {
  const bad = sign(goodClaims, "a guess that is at least 32 bytes long");
  const cookie = `a=b; roomcast_token=${goodToken}; c=d`;
  const accepted: Record<
    string,
    { query?: string; offers?: string[]; headers?: Record<string, string> }
  > = {
    Authorization: { headers: { authorization: `Bearer ${goodToken}` } },
    "Authorization before a bad subprotocol, query and cookie": {
      headers: {
        authorization: `Bearer ${goodToken}`,
        origin: APP,
        cookie: `roomcast_token=${bad}`,
      },
      offers: ["roomcast.v1", `bearer.${bad}`],
      query: `token=${bad}`,
    },
    "the Authorization scheme in another case": {
      headers: { authorization: `bearer ${goodToken}` },
    },
    "the query after another Authorization scheme, which counts as absent": {
      headers: { authorization: "Basic YWxpY2U6c2VjcmV0" },
      query: `token=${goodToken}`,
    },
    "the subprotocol": { offers: ["roomcast.v1", `bearer.${goodToken}`] },
    "the subprotocol in any order": { offers: [`bearer.${goodToken}`, "roomcast.v1"] },
    "the subprotocol before a bad query": {
      offers: ["roomcast.v1", `bearer.${goodToken}`],
      query: `token=${bad}`,
    },
    "the query": { query: `token=${goodToken}` },
    "the query before a bad cookie": {
      query: `token=${goodToken}`,
      headers: { origin: APP, cookie: `roomcast_token=${bad}` },
    },
    "the cookie from an allowed origin": { headers: { origin: APP, cookie } },
  };
  for (const [what, connection] of Object.entries(accepted)) {
    test(what, async () => {
      const socket = await Socket.open(eventsUrl("places"), connection);
      assert.equal(
        socket.protocol,
        "roomcast.v1",
        "the server does not select the token as subprotocol",
      );
      assert.equal((await socket.next()).type, "welcome");
      socket.close();
    });
  }

  const rejected: typeof accepted = {
    "a bad Authorization before good tokens in all other sources": {
      headers: { authorization: `Bearer ${bad}`, origin: APP, cookie },
      offers: ["roomcast.v1", `bearer.${goodToken}`],
      query: `token=${goodToken}`,
    },
    "a bad subprotocol before a good query": {
      offers: ["roomcast.v1", `bearer.${bad}`],
      query: `token=${goodToken}`,
    },
    "a bad query before a good cookie": { query: `token=${bad}`, headers: { origin: APP, cookie } },
    "a bad cookie": { headers: { origin: APP, cookie: `roomcast_token=${bad}` } },
  };
  for (const [what, connection] of Object.entries(rejected)) {
    test(`${what} is rejected`, async () => {
      const socket = await Socket.open(eventsUrl("rejected"), connection);
      assert.equal((await socket.closed()).code, 4001);
      assert.equal(await runtime.evict("rejected"), false, "the room was never in memory");
    });
  }

  const foreign: Record<string, Record<string, string>> = {
    "from a foreign origin": { origin: "https://evil.example.com", cookie },
    "from an origin with the same prefix": { origin: `${APP}.evil.com`, cookie },
    "from an origin of another scheme": { origin: "http://app.example.com", cookie },
    "from the origin null": { origin: "null", cookie },
    "without an origin": { cookie },
  };
  for (const [what, headers] of Object.entries(foreign)) {
    test(`a cookie ${what} is ignored`, async () => {
      const answer = await fetch(`${runtime.url}/rooms/r/events`, { headers });
      assert.equal(answer.status, 401);
      // A socket without a token receives nothing until its first frame contains a token.
      const socket = await Socket.open(eventsUrl("foreign"), { headers });
      socket.send({ type: "publish", name: "n", data: 1 });
      assert.equal((await socket.closed()).code, 4001);
    });
  }

  // With a same-origin GET, a browser sends no `Origin`. A browser sends `Sec-Fetch-Site` with
  // every GET.
  test("a cookie from a page of the same origin is a token for reads", async () => {
    const headers = { cookie, "sec-fetch-site": "same-origin" };
    for (const path of ["/events", "/events?since=AAAAAAAA:0&wait=1", "/state", ""]) {
      const answer = await fetch(`${runtime.url}/rooms/r${path}`, { headers });
      assert.notEqual(answer.status, 401, path);
      for (const site of ["same-site", "cross-site", "none"]) {
        const others = { cookie, "sec-fetch-site": site };
        const rejected = await fetch(`${runtime.url}/rooms/r${path}`, { headers: others });
        assert.equal(rejected.status, 401, `${path} ${site}`);
      }
    }
    const stream = await EventStream.open(eventsUrl("own"), { headers });
    assert.equal(stream.status, 200);
    stream.drop();
    // A browser sends `Origin` with every WebSocket upgrade, so only `Origin` decides whether the
    // cookie is accepted.
    const foreign = { ...headers, origin: "https://evil.example.com" };
    const socket = await Socket.open(eventsUrl("own"), { headers: foreign });
    socket.send({ type: "publish", name: "n", data: 1 });
    assert.equal((await socket.closed()).code, 4001);
  });

  test("an allowed origin that can never match is a configuration error", async (t) => {
    const other = await Runtime.start({ vars: { ...VARS, ALLOWED_ORIGINS: `${APP},${APP}/` } });
    t.after(() => other.stop());
    for (const path of ["/healthz", "/rooms/r/events"])
      assert.equal((await fetch(`${other.url}${path}`)).status, 500, path);
  });

  test("a cookie is ignored if every origin is allowed", async (t) => {
    const other = await Runtime.start({ vars: { ...VARS, ALLOWED_ORIGINS: "*" } });
    t.after(() => other.stop());
    const headers = { origin: APP, cookie };
    assert.equal((await fetch(`${other.url}/rooms/r/events`, { headers })).status, 401);
  });
});

test("a token that expires between two publishes is rejected from then on", async () => {
  const claims = goodExcept({ exp: endsIn(3), rooms: { expiring: ["publish"] } });
  const headers = { authorization: `Bearer ${sign(claims, SECRET)}` };
  const publish = () =>
    fetch(eventsUrl("expiring"), { method: "POST", headers, body: '{"name":"n","data":1}' });
  assert.equal((await publish()).status, 201);
  let answer = await publish();
  for (; answer.status === 201; answer = await publish()) await sleep(20);
  assert.equal(answer.status, 401);
  assert.equal(((await answer.json()) as { error: { code: string } }).error.code, "token_expired");
  assert(Date.now() / 1000 >= Number(claims.exp) + 30, "the token was rejected too early");
});

test("the worker's internal headers are ignored in requests of clients", async () => {
  const admin = { user: "alice", grant: ["subscribe", "publish", "admin"], expires_at: 2 ** 52 };
  const forged = {
    "roomcast-identity": encodeURIComponent(JSON.stringify(admin)),
    "roomcast-bridge": "1000000",
  };
  const headers = { ...forged, authorization: `Bearer ${goodToken}` };
  const erased = await fetch(`${runtime.url}/rooms/forged`, { method: "DELETE", headers });
  assert.equal(erased.status, 403);

  const socket = await Socket.open(eventsUrl("forged"), { token: goodToken, headers: forged });
  const welcome = await socket.next();
  assert.deepEqual([welcome.user, welcome.grant], ["alice", ["subscribe"]]);
  // A room accepts a frame with an identity only on a socket that the worker has opened for a
  // bridge.
  socket.send(Buffer.from(JSON.stringify(admin)));
  assert.equal((await socket.next()).code, "bad_request");
  socket.send({ type: "publish", name: "n", data: 1 });
  assert.equal((await socket.next()).code, "forbidden");
  socket.close();

  const withoutToken = await Socket.open(eventsUrl("forged"), { headers: forged });
  withoutToken.send({ type: "publish", name: "n", data: 1 });
  assert.equal((await withoutToken.closed()).code, 4001);
});

function eventsUrl(room: string): string {
  return `${runtime.url}/rooms/${room}/events`;
}
