import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { Socket } from "./client.ts";
import {
  ISSUER,
  VARS,
  but,
  ec,
  ed,
  encode,
  good,
  jwk,
  padded,
  pem,
  read,
  rooms,
  rsa,
  shared,
  signed,
  stranger,
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

const [header, payload, signature] = signed.split(".") as [string, string, string];
const es256 = sign(good, ec.privateKey, { kid: "ec" }, "ES256").split(".");

const attacks: Record<string, Attack> = {
  "alg none": { token: `${encode({ alg: "none", typ: "JWT" })}.${encode(good)}.` },
  "alg nOnE": { token: `${encode({ alg: "nOnE", typ: "JWT" })}.${encode(good)}.` },
  "alg none with the signature of another token": {
    token: `${encode({ alg: "none" })}.${encode(good)}.${signature}`,
  },
  "alg none with a kid": { token: `${encode({ alg: "none", kid: "rsa" })}.${encode(good)}.` },
  "no alg": { token: sign(good, SECRET, { alg: undefined }) },
  "alg in lower case": { token: sign(good, SECRET, { alg: "hs256" }) },
  "alg of another type": { token: sign(good, SECRET, { alg: ["HS256"] }) },
  "HS256 with the text of the RSA public key": {
    token: sign(good, pem(rsa.publicKey), { kid: "rsa" }),
  },
  "HS256 with the text of the RSA public key, trimmed": {
    token: sign(good, pem(rsa.publicKey).trim(), { kid: "rsa" }),
  },
  "HS256 with the modulus of the RSA public key": {
    token: sign(good, rsa.publicKey.export({ format: "jwk" }).n!, { kid: "rsa" }),
  },
  "HS256 with the text of the EC public key": {
    token: sign(good, pem(ec.publicKey), { kid: "ec" }),
  },
  "HS256 with the text of the Ed25519 public key": {
    token: sign(good, ed.publicKey.export({ format: "jwk" }).x!, { kid: "ed" }),
  },
  "HS256 with another secret": { token: sign(good, "a guess that is at least 32 bytes long") },
  "HS256 with no secret": { token: sign(good, "") },
  "HS512 with the secret": { token: hs512(good) },
  "HS256 named HS512": { token: sign(good, SECRET, { alg: "HS512" }) },
  "HS256 named RS256": { token: sign(good, SECRET, { alg: "RS256" }) },
  "a kid with the secret of tokens without one": { token: sign(good, SECRET, { kid: "oct" }) },
  "no kid with the key of a kid": { token: sign(good, shared) },
  "no kid with an RSA key": { token: sign(good, rsa.privateKey, {}, "RS256") },
  "another RSA key": { token: sign(good, stranger.rsa.privateKey, { kid: "rsa" }, "RS256") },
  "another EC key": { token: sign(good, stranger.ec.privateKey, { kid: "ec" }, "ES256") },
  "another Ed25519 key": { token: sign(good, stranger.ed.privateKey, { kid: "ed" }, "EdDSA") },
  "a key of the wrong curve": {
    token: sign(good, stranger.p384.privateKey, { kid: "ec" }, "ES256"),
  },
  "RS256 named PS256": { token: sign(good, rsa.privateKey, { kid: "rsa", alg: "PS256" }, "RS256") },
  "an RSA key for the kid of an EC key": {
    token: sign(good, rsa.privateKey, { kid: "ec" }, "RS256"),
  },
  "an EC key for the kid of an RSA key": {
    token: sign(good, ec.privateKey, { kid: "rsa" }, "ES256"),
  },
  "EdDSA for the kid of an EC key": { token: sign(good, ed.privateKey, { kid: "ec" }, "EdDSA") },
  "an unknown kid": { token: sign(good, rsa.privateKey, { kid: "unknown" }, "RS256") },
  "a kid in upper case": { token: sign(good, rsa.privateKey, { kid: "RSA" }, "RS256") },
  "a kid that is a path": { token: sign(good, "", { kid: "../../../dev/null" }) },
  "a kid that is a query": { token: sign(good, SECRET, { kid: "x' UNION SELECT 'key'--" }) },
  "a kid of the language": { token: sign(good, SECRET, { kid: "__proto__" }) },
  "an empty kid": { token: sign(good, SECRET, { kid: "" }) },
  "a kid of null": { token: sign(good, SECRET, { kid: null }) },
  "a kid that is a number": { token: sign(good, SECRET, { kid: 0 }) },
  "a kid that is a list": { token: sign(good, rsa.privateKey, { kid: ["rsa"] }, "RS256") },
  "a key that the token brings along": {
    token: sign(
      good,
      stranger.rsa.privateKey,
      { kid: "x", jwk: jwk(stranger.rsa.publicKey, "x") },
      "RS256",
    ),
  },
  "an extension that must be understood": {
    token: sign(good, SECRET, { crit: ["b64"], b64: false }),
  },
  "a signature cut short": { token: signed.slice(0, -4) },
  "a signature with one bit flipped": {
    token: `${header}.${payload}.${signature[0] === "A" ? "B" : "A"}${signature.slice(1)}`,
  },
  "no signature": { token: `${header}.${payload}.` },
  "the signature of other claims": {
    token: `${header}.${encode(rooms({ "*": ["admin", "subscribe"] }))}.${signature}`,
  },
  "the signature of another header": {
    token: `${encode({ alg: "HS256" })}.${payload}.${signature}`,
  },
  "an ES256 signature of nothing but zeros": {
    token: `${es256[0]}.${es256[1]}.${Buffer.alloc(64).toString("base64url")}`,
  },
  "an ES256 signature in DER": { token: derSigned(es256) },
  "two parts": { token: `${header}.${payload}` },
  "four parts": { token: `${signed}.${signature}` },
  "padded base64": { token: `${header}.${payload}.${signature}=` },
  "a header that is no JSON": { token: sign(good, SECRET, "HS256") },
  "a header that is a list": { token: sign(good, SECRET, "[]") },
  "claims that are no JSON": { token: sign("alice", SECRET) },
  "claims that are a list": { token: sign("[]", SECRET) },
  "a token of more than 8 KiB": { token: padded(8193) },
  expired: { token: sign(but({ exp: seconds(-40) }), SECRET), code: "token_expired" },
  "expired long ago": { token: sign(but({ exp: 0 }), SECRET), code: "token_expired" },
  "no exp": { token: sign(but({ exp: undefined }), SECRET) },
  "an exp of null": { token: sign(but({ exp: null }), SECRET) },
  "an exp of another type": { token: sign(but({ exp: String(seconds(3600)) }), SECRET) },
  "an exp below 0": { token: sign(but({ exp: -1 }), SECRET) },
  "an exp after the year 262142": { token: sign(but({ exp: 8_210_266_876_800 }), SECRET) },
  "an exp beyond all numbers": {
    token: sign(JSON.stringify(good).replace(/"exp":\d+/, '"exp":1e400'), SECRET),
  },
  "not yet valid": { token: sign(but({ nbf: seconds(600) }), SECRET) },
  "an nbf of another type": { token: sign(but({ nbf: "0" }), SECRET) },
  "an nbf below 0": { token: sign(but({ nbf: -1 }), SECRET) },
  "no sub": { token: sign(but({ sub: undefined }), SECRET) },
  "an empty sub": { token: sign(but({ sub: "" }), SECRET) },
  "a sub of another type": { token: sign(but({ sub: 7 }), SECRET) },
  "a sub of 129 characters": { token: sign(but({ sub: "a".repeat(129) }), SECRET) },
  "another issuer": { token: sign(but({ iss: "https://evil.example.com/" }), SECRET) },
  "an issuer that begins alike": { token: sign(but({ iss: `${ISSUER}evil` }), SECRET) },
  "no issuer": { token: sign(but({ iss: undefined }), SECRET) },
  "another audience": { token: sign(but({ aud: "others" }), SECRET) },
  "audiences without ours": { token: sign(but({ aud: ["others", "roomcasts"] }), SECRET) },
  "no audience": { token: sign(but({ aud: undefined }), SECRET) },
  "rooms that are a list": { token: sign(rooms(["*"]), SECRET) },
  "rooms that are a text": { token: sign(rooms("*"), SECRET) },
  "a grant that is no list": { token: sign(rooms({ "*": "subscribe" }), SECRET) },
  "no rooms": { token: sign(but({ rooms: undefined }), SECRET), code: "forbidden" },
  "rooms of nobody": { token: sign(rooms({}), SECRET), code: "forbidden" },
};

/** Grants that are not quite for the room, each of which a careless pattern would let in. */
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
  const token = sign(rooms({ [pattern]: ["subscribe", "publish", "admin"] }), SECRET);
  attacks[`a grant for "${pattern}" in ${room}`] = { token, room, code: "forbidden" };
}
for (const grant of ["Subscribe", "subscribe ", "*", "publish", "presence"]) {
  const token = sign(rooms({ "*": [grant] }), SECRET);
  attacks[`a grant of "${grant}"`] = { token, code: "forbidden" };
}

describe("an attack is refused, and wakes no room", () => {
  for (const [what, { token, room = "target", code = "unauthorized" }] of Object.entries(attacks)) {
    test(what, async () => {
      const answer = await read(runtime.url, room, token);
      assert.equal(answer.status, code === "forbidden" ? 403 : 401);
      assert.equal(((await answer.json()) as { error: { code: string } }).error.code, code);
      const closes = code === "forbidden" ? 4003 : 4001;
      const socket = await Socket.open(follow(room), { token });
      assert.equal(socket.protocol, "roomcast.v1");
      assert.equal((await socket.closed()).code, closes);
      // And in the first frame of a socket without a token.
      const late = await Socket.open(follow(room));
      late.send({ type: "auth", token });
      assert.equal((await late.closed()).code, closes);
      assert.equal(await runtime.evict(room), false, "the room was never in memory");
    });
  }

  test("the table has at least forty of them", () => {
    assert(Object.keys(attacks).length >= 40);
  });
});

function follow(room: string): string {
  return `${runtime.url}/rooms/${room}/events`;
}

function hs512(claimed: Claims): string {
  const text = `${encode({ alg: "HS512", typ: "JWT" })}.${encode(claimed)}`;
  return `${text}.${createHmac("sha512", SECRET).update(text).digest("base64url")}`;
}

/** The same signature in the encoding of certificates. */
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
