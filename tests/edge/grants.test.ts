import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Socket } from "./client.ts";
import { VARS, goodExcept, readEvents, rsa } from "./issuer.ts";
import { type Claims, sign } from "./jwt.ts";
import { Runtime, SECRET } from "./runtime.ts";

const ROOM_GRANTS = {
  "user:{sub}": ["subscribe"],
  "org:{org.id}:*": ["subscribe", "publish"],
  "team:{'https://app.example.com/teams'[]}": ["subscribe"],
};

/** Returns a token as an identity provider signs it: without the claim `rooms`. */
const providerToken = (more: Claims = {}): string =>
  sign(goodExcept({ rooms: undefined, ...more }), rsa.privateKey, { kid: "rsa" }, "RS256");

describe("ROOM_GRANTS as a table gives rights to a token without rooms", () => {
  let runtime: Runtime;
  before(async () => {
    runtime = await Runtime.start({ vars: { ...VARS, ROOM_GRANTS } });
  });
  after(() => runtime.stop());

  const acme = providerToken({
    org: { id: "acme" },
    "https://app.example.com/teams": ["red", "blue"],
  });

  test("a read is accepted only in rooms that a rule derives from the claims", async () => {
    const statuses: Record<string, number> = {
      "user:alice": 200,
      "user:bob": 403,
      "user:alice:inbox": 403,
      "org:acme:chat": 200,
      "org:acme": 403,
      "org:other:chat": 403,
      "team:red": 200,
      "team:blue": 200,
      "team:green": 403,
    };
    for (const [room, status] of Object.entries(statuses))
      assert.equal((await readEvents(runtime.url, room, acme)).status, status, room);
  });

  test("a socket has the rights of its rule, and loses the room with a token of another organization", async () => {
    const socket = await Socket.open(eventsUrl("org:acme:chat"));
    socket.send({ type: "auth", token: acme });
    const welcome = await socket.next();
    assert.deepEqual([welcome.user, welcome.grant], ["alice", ["subscribe", "publish"]]);
    socket.send({ type: "auth", token: providerToken({ org: { id: "acme" } }) });
    assert.equal((await socket.next()).type, "authorized");
    socket.send({ type: "auth", token: providerToken({ org: { id: "other" } }) });
    assert.equal((await socket.closed()).code, 4003);
  });

  test("a connection subscribes only to rooms of the rules", async () => {
    const socket = await Socket.open(`${runtime.url}/events`, { token: acme });
    await socket.until("connected");
    socket.send({ type: "subscribe", room: "team:red" });
    const welcome = await socket.next();
    assert.deepEqual([welcome.type, welcome.grant], ["welcome", ["subscribe"]]);
    socket.send({ type: "subscribe", room: "team:green" });
    const closed = await socket.next();
    assert.deepEqual([closed.type, closed.room, closed.code], ["closed", "team:green", 4003]);
    socket.close();
  });

  test("a claim that would change the room pattern grants nothing and loads no room", async () => {
    const attacks = ["*", "acme:*", "acme:chat", "a".repeat(200), ["acme"], { acme: 1 }, null, ""];
    for (const id of attacks) {
      const token = providerToken({ org: { id } });
      for (const room of ["org:acme:chat", "org:acme:chat:1", "org:a:b"]) {
        const answer = await readEvents(runtime.url, room, token);
        assert.equal(answer.status, 403, `${JSON.stringify(id)} in ${room}`);
      }
    }
    assert.equal(await runtime.evict("org:acme:chat:1"), false, "the room was never in memory");
  });

  test("a token with rooms uses only its rooms", async () => {
    const token = providerToken({ rooms: { lobby: ["subscribe"] } });
    assert.equal((await readEvents(runtime.url, "lobby", token)).status, 200);
    assert.equal((await readEvents(runtime.url, "user:alice", token)).status, 403);
  });

  test("a token that has the claim of a rule twice is rejected", async () => {
    const twice = JSON.stringify(goodExcept({ rooms: undefined, org: { id: "acme" } }));
    const token = sign(twice.replace("{", '{"org":{"id":"other"},'), SECRET);
    assert.equal((await readEvents(runtime.url, "org:acme:chat", token)).status, 401);
  });

  function eventsUrl(room: string): string {
    return `${runtime.url}/rooms/${room}/events`;
  }
});

test("without ROOM_GRANTS, a token without rooms grants nothing", async (t) => {
  const runtime = await Runtime.start({ vars: VARS });
  t.after(() => runtime.stop());
  assert.equal((await readEvents(runtime.url, "user:alice", providerToken())).status, 403);
});

test("an invalid rule is a configuration error, and the log names the rule", async (t) => {
  const runtime = await Runtime.start({ vars: { ...VARS, ROOM_GRANTS } });
  t.after(() => runtime.stop());
  const { JWT_ISSUER, ...withoutIssuer } = VARS;
  const unreachable = { JWKS_URL: "http://127.0.0.1:9/jwks.json", ROOM_GRANTS };
  for (const [vars, logged] of [
    [{ ...VARS, ROOM_GRANTS: { "user:{sub}": ["read"] } }, '"user:{sub}": "read" is not a right'],
    [{ ...VARS, ROOM_GRANTS: '{"user:{sub":["subscribe"]}' }, "\"user:{sub\": a '{' has no '}'"],
    [{ ...withoutIssuer, ...unreachable }, "ROOM_GRANTS with JWKS_URL needs JWT_ISSUER"],
  ] as const) {
    await runtime.deploy({ vars });
    for (const path of ["/healthz", "/rooms/r/events"])
      assert.equal((await fetch(`${runtime.url}${path}`)).status, 500, logged);
    // The log has lines of JSON.
    await runtime.waitForLog(JSON.stringify(logged).slice(1, -1), 1, 30_000);
  }
});
