/** Keys that the worker under test trusts, and tokens signed with these keys. */
import { type KeyObject, generateKeyPairSync } from "node:crypto";
import { type Claims, claims, sign } from "./jwt.ts";
import { SECRET } from "./runtime.ts";
import { registerSecret } from "./secrets.ts";

export const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
export const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
export const ed = generateKeyPairSync("ed25519");
export const shared = registerSecret("another shared secret, of more than 32 bytes");
export const untrusted = {
  rsa: generateKeyPairSync("rsa", { modulusLength: 2048 }),
  ec: generateKeyPairSync("ec", { namedCurve: "P-256" }),
  p384: generateKeyPairSync("ec", { namedCurve: "P-384" }),
  ed: generateKeyPairSync("ed25519"),
};
export const jwk = (key: KeyObject, kid: string) => ({
  ...key.export({ format: "jwk" }),
  kid,
  use: "sig",
});
export const KEYS = {
  keys: [
    jwk(rsa.publicKey, "rsa"),
    jwk(ec.publicKey, "ec"),
    jwk(ed.publicKey, "ed"),
    {
      kty: "oct",
      k: registerSecret(Buffer.from(shared).toString("base64url")),
      kid: "oct",
      alg: "HS256",
    },
  ],
};
export const ISSUER = "https://login.example.com/";
export const AUDIENCE = "roomcast";
export const APP = "https://app.example.com";
export const VARS = {
  JWT_SECRET: SECRET,
  JWT_JWKS: JSON.stringify(KEYS),
  JWT_ISSUER: ISSUER,
  JWT_AUDIENCE: AUDIENCE,
  ALLOWED_ORIGINS: APP,
};

/** Claims of a valid token of alice. Each attack changes one of these claims. */
export const goodClaims = { ...claims("alice", ["subscribe"]), iss: ISSUER, aud: AUDIENCE };
export const goodExcept = (changed: Claims): Claims => ({ ...goodClaims, ...changed });
export const withRooms = (granted: unknown): Claims => goodExcept({ rooms: granted });
export const pem = (key: KeyObject): string =>
  key.export({ format: "pem", type: "spki" }) as string;
export const encode = (part: unknown): string =>
  Buffer.from(JSON.stringify(part)).toString("base64url");

/** A valid token of alice. */
export const goodToken = sign(goodClaims, SECRET);

/** Returns a valid token of exactly `bytes` bytes. */
export function tokenOfBytes(bytes: number): string {
  // In base64url, three bytes of claims become four bytes of the token. If only the claims were
  // padded, some token sizes would be impossible, so the header is padded too.
  for (let more = 0; more < 4; more++) {
    const rest = bytes - sign(goodExcept({ pad: "" }), SECRET, { pad: "x".repeat(more) }).length;
    for (let pad = Math.floor((rest * 3) / 4) - 2; pad <= (rest * 3) / 4 + 2; pad++) {
      const token = sign(goodExcept({ pad: "x".repeat(pad) }), SECRET, { pad: "x".repeat(more) });
      if (token.length === bytes) return token;
    }
  }
  throw new Error(`no token of ${bytes} bytes is possible`);
}

/**
 * Requests the events of a room with this token. A valid token of alice grants the right to read
 * events.
 */
export function readEvents(url: string, room: string, token: string): Promise<Response> {
  return fetch(`${url}/rooms/${room}/events`, { headers: { authorization: `Bearer ${token}` } });
}
