import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { Socket } from "./client.ts";
import {
  ISSUER,
  VARS,
  goodExcept,
  ec,
  ed,
  encode,
  goodClaims,
  jwk,
  tokenOfBytes,
  pem,
  readEvents,
  withRooms,
  rsa,
  shared,
  goodToken,
  untrusted,
} from "./issuer.ts";
import { type Claims, seconds, sign } from "./jwt.ts";
import { Runtime, SECRET } from "./runtime.ts";

let runtime: Runtime;
before(async () => {
  runtime = await Runtime.start({ vars: VARS });
});
after(() => runtime.stop());

interface Attack {
  token: string;
  room?: string;
  code?: "unauthorized" | "token_expired" | "forbidden";
}

const [header, payload, signature] = goodToken.split(".") as [string, string, string];
const es256 = sign(goodClaims, ec.privateKey, { kid: "ec" }, "ES256").split(".");

const attacks: Record<string, Attack> = {
  "alg none": { token: `${encode({ alg: "none", typ: "JWT" })}.${encode(goodClaims)}.` },
  "alg nOnE": { token: `${encode({ alg: "nOnE", typ: "JWT" })}.${encode(goodClaims)}.` },
  "alg none with the signature of another token": {
    token: `${encode({ alg: "none" })}.${encode(goodClaims)}.${signature}`,
  },
  "alg none with a kid": { token: `${encode({ alg: "none", kid: "rsa" })}.${encode(goodClaims)}.` },
  "no alg": { token: sign(goodClaims, SECRET, { alg: undefined }) },
  "alg in lower case": { token: sign(goodClaims, SECRET, { alg: "hs256" }) },
  "alg that is a list": { token: sign(goodClaims, SECRET, { alg: ["HS256"] }) },
  "HS256 with the text of the RSA public key": {
    token: sign(goodClaims, pem(rsa.publicKey), { kid: "rsa" }),
  },
  "HS256 with the text of the RSA public key, trimmed": {
    token: sign(goodClaims, pem(rsa.publicKey).trim(), { kid: "rsa" }),
  },
  "HS256 with the modulus of the RSA public key": {
    token: sign(goodClaims, rsa.publicKey.export({ format: "jwk" }).n!, { kid: "rsa" }),
  },
  "HS256 with the text of the EC public key": {
    token: sign(goodClaims, pem(ec.publicKey), { kid: "ec" }),
  },
  "HS256 with the text of the Ed25519 public key": {
    token: sign(goodClaims, ed.publicKey.export({ format: "jwk" }).x!, { kid: "ed" }),
  },
  "HS256 with another secret": {
    token: sign(goodClaims, "a guess that is at least 32 bytes long"),
  },
  "HS256 with no secret": { token: sign(goodClaims, "") },
  "HS512 with the secret": { token: hs512(goodClaims) },
  "an HS256 signature whose header names HS512": {
    token: sign(goodClaims, SECRET, { alg: "HS512" }),
  },
  "an HS256 signature whose header names RS256": {
    token: sign(goodClaims, SECRET, { alg: "RS256" }),
  },
  "a kid with the secret of tokens without a kid": {
    token: sign(goodClaims, SECRET, { kid: "oct" }),
  },
  "no kid with a key that has a kid": { token: sign(goodClaims, shared) },
  "no kid with an RSA key": { token: sign(goodClaims, rsa.privateKey, {}, "RS256") },
  "another RSA key": { token: sign(goodClaims, untrusted.rsa.privateKey, { kid: "rsa" }, "RS256") },
  "another EC key": { token: sign(goodClaims, untrusted.ec.privateKey, { kid: "ec" }, "ES256") },
  "another Ed25519 key": {
    token: sign(goodClaims, untrusted.ed.privateKey, { kid: "ed" }, "EdDSA"),
  },
  "a key of the wrong curve": {
    token: sign(goodClaims, untrusted.p384.privateKey, { kid: "ec" }, "ES256"),
  },
  "an RS256 signature whose header names PS256": {
    token: sign(goodClaims, rsa.privateKey, { kid: "rsa", alg: "PS256" }, "RS256"),
  },
  "an RSA key for the kid of an EC key": {
    token: sign(goodClaims, rsa.privateKey, { kid: "ec" }, "RS256"),
  },
  "an EC key for the kid of an RSA key": {
    token: sign(goodClaims, ec.privateKey, { kid: "rsa" }, "ES256"),
  },
  "EdDSA for the kid of an EC key": {
    token: sign(goodClaims, ed.privateKey, { kid: "ec" }, "EdDSA"),
  },
  "an unknown kid": { token: sign(goodClaims, rsa.privateKey, { kid: "unknown" }, "RS256") },
  "a kid in upper case": { token: sign(goodClaims, rsa.privateKey, { kid: "RSA" }, "RS256") },
  "a kid that is a path": { token: sign(goodClaims, "", { kid: "../../../dev/null" }) },
  "a kid that is an SQL query": {
    token: sign(goodClaims, SECRET, { kid: "x' UNION SELECT 'key'--" }),
  },
  "a kid that is a property of every object": {
    token: sign(goodClaims, SECRET, { kid: "__proto__" }),
  },
  "an empty kid": { token: sign(goodClaims, SECRET, { kid: "" }) },
  "a kid of null": { token: sign(goodClaims, SECRET, { kid: null }) },
  "a kid that is a number": { token: sign(goodClaims, SECRET, { kid: 0 }) },
  "a kid that is a list": { token: sign(goodClaims, rsa.privateKey, { kid: ["rsa"] }, "RS256") },
  "a key in the token's own header": {
    token: sign(
      goodClaims,
      untrusted.rsa.privateKey,
      { kid: "x", jwk: jwk(untrusted.rsa.publicKey, "x") },
      "RS256",
    ),
  },
  "a critical header extension that the worker does not support": {
    token: sign(goodClaims, SECRET, { crit: ["b64"], b64: false }),
  },
  "a signature cut short": { token: goodToken.slice(0, -4) },
  "a signature with one bit flipped": {
    token: `${header}.${payload}.${signature[0] === "A" ? "B" : "A"}${signature.slice(1)}`,
  },
  "no signature": { token: `${header}.${payload}.` },
  "the signature of other claims": {
    token: `${header}.${encode(withRooms({ "*": ["admin", "subscribe"] }))}.${signature}`,
  },
  "the signature of another header": {
    token: `${encode({ alg: "HS256" })}.${payload}.${signature}`,
  },
  "an ES256 signature of only zeros": {
    token: `${es256[0]}.${es256[1]}.${Buffer.alloc(64).toString("base64url")}`,
  },
  "an ES256 signature in DER": { token: derSigned(es256) },
  "a token of two parts": { token: `${header}.${payload}` },
  "a token of four parts": { token: `${goodToken}.${signature}` },
  "a signature in padded base64": { token: `${header}.${payload}.${signature}=` },
  "a header that is not JSON": { token: sign(goodClaims, SECRET, "HS256") },
  "a header that is a list": { token: sign(goodClaims, SECRET, "[]") },
  "claims that are not JSON": { token: sign("alice", SECRET) },
  "claims that are a list": { token: sign("[]", SECRET) },
  "a token of more than 8 KiB": { token: tokenOfBytes(8193) },
  "an expired token": {
    token: sign(goodExcept({ exp: seconds(-40) }), SECRET),
    code: "token_expired",
  },
  "a token that expired in 1970": {
    token: sign(goodExcept({ exp: 0 }), SECRET),
    code: "token_expired",
  },
  "no exp": { token: sign(goodExcept({ exp: undefined }), SECRET) },
  "an exp of null": { token: sign(goodExcept({ exp: null }), SECRET) },
  "an exp of another type": { token: sign(goodExcept({ exp: String(seconds(3600)) }), SECRET) },
  "an exp below 0": { token: sign(goodExcept({ exp: -1 }), SECRET) },
  "an exp after the year 262142": { token: sign(goodExcept({ exp: 8_210_266_876_800 }), SECRET) },
  "an exp that is too large for a number": {
    token: sign(JSON.stringify(goodClaims).replace(/"exp":\d+/, '"exp":1e400'), SECRET),
  },
  "a token that is not valid yet": { token: sign(goodExcept({ nbf: seconds(600) }), SECRET) },
  "an nbf of another type": { token: sign(goodExcept({ nbf: "0" }), SECRET) },
  "an nbf below 0": { token: sign(goodExcept({ nbf: -1 }), SECRET) },
  "no sub": { token: sign(goodExcept({ sub: undefined }), SECRET) },
  "an empty sub": { token: sign(goodExcept({ sub: "" }), SECRET) },
  "a sub of another type": { token: sign(goodExcept({ sub: 7 }), SECRET) },
  "a sub of 129 characters": { token: sign(goodExcept({ sub: "a".repeat(129) }), SECRET) },
  "another issuer": { token: sign(goodExcept({ iss: "https://evil.example.com/" }), SECRET) },
  "an issuer with the same prefix": { token: sign(goodExcept({ iss: `${ISSUER}evil` }), SECRET) },
  "no issuer": { token: sign(goodExcept({ iss: undefined }), SECRET) },
  "another audience": { token: sign(goodExcept({ aud: "others" }), SECRET) },
  "audiences without the configured one": {
    token: sign(goodExcept({ aud: ["others", "roomcasts"] }), SECRET),
  },
  "no audience": { token: sign(goodExcept({ aud: undefined }), SECRET) },
  "rooms that are a list": { token: sign(withRooms(["*"]), SECRET) },
  "rooms that are a string": { token: sign(withRooms("*"), SECRET) },
  "a grant that is not a list": { token: sign(withRooms({ "*": "subscribe" }), SECRET) },
  "no rooms": { token: sign(goodExcept({ rooms: undefined }), SECRET), code: "forbidden" },
  "empty rooms": { token: sign(withRooms({}), SECRET), code: "forbidden" },
};

/** Patterns, each with a room that a careless matcher would wrongly accept. */
const widenings: [pattern: string, room: string][] = [
  ["shipments:*", "shipments"],
  ["shipments:*", "shipmentsX"],
  ["shipments:*", "Shipments:1"],
  ["shipments*", "shipments:1"],
  ["shipments", "shipments:1"],
  ["shipments:1", "shipments:12"],
  ["shipments:1:*", "shipments:1"],
  ["*:1", "shipments:1"],
  ["shipments:*:1", "shipments:2:1"],
  ["**", "shipments"],
  ["*:*", "shipments:1"],
  [":*", "shipments"],
  ["", "shipments"],
  [".*", "shipments"],
  ["shipment?", "shipments"],
  ["shipments ", "shipments"],
];
for (const [pattern, room] of widenings) {
  const token = sign(withRooms({ [pattern]: ["subscribe", "publish", "admin"] }), SECRET);
  attacks[`a grant for "${pattern}" in ${room}`] = { token, room, code: "forbidden" };
}
for (const grant of ["Subscribe", "subscribe ", "*", "publish", "presence"]) {
  const token = sign(withRooms({ "*": [grant] }), SECRET);
  attacks[`a grant of "${grant}"`] = { token, code: "forbidden" };
}

describe("an attack is rejected and loads no room", () => {
  for (const [what, { token, room = "target", code = "unauthorized" }] of Object.entries(attacks)) {
    test(what, async () => {
      const answer = await readEvents(runtime.url, room, token);
      assert.equal(answer.status, code === "forbidden" ? 403 : 401);
      assert.equal(((await answer.json()) as { error: { code: string } }).error.code, code);
      const closes = code === "forbidden" ? 4003 : 4001;
      const socket = await Socket.open(eventsUrl(room), { token });
      assert.equal(socket.protocol, "roomcast.v1");
      assert.equal((await socket.closed()).code, closes);
      // A socket that sends the token in its first frame is rejected too.
      const late = await Socket.open(eventsUrl(room));
      late.send({ type: "auth", token });
      assert.equal((await late.closed()).code, closes);
      assert.equal(await runtime.evict(room), false, "the room was never in memory");
    });
  }

  test("the table has at least forty attacks", () => {
    assert(Object.keys(attacks).length >= 40);
  });
});

function eventsUrl(room: string): string {
  return `${runtime.url}/rooms/${room}/events`;
}

function hs512(claimed: Claims): string {
  const text = `${encode({ alg: "HS512", typ: "JWT" })}.${encode(claimed)}`;
  return `${text}.${createHmac("sha512", SECRET).update(text).digest("base64url")}`;
}

/** Returns the token with its signature encoded in DER, as certificates encode signatures. */
function derSigned([header = "", payload = "", raw = ""]: string[]): string {
  const bytes = Buffer.from(raw, "base64url");
  const integer = (part: Buffer) => {
    const positive = part[0]! & 0x80 ? Buffer.concat([Buffer.of(0), part]) : part;
    return Buffer.concat([Buffer.of(2, positive.length), positive]);
  };
  const parts = Buffer.concat([integer(bytes.subarray(0, 32)), integer(bytes.subarray(32))]);
  const der = Buffer.concat([Buffer.of(0x30, parts.length), parts]);
  return `${header}.${payload}.${der.toString("base64url")}`;
}
