/** The keys that the worker under test is told to trust, and the tokens that they sign. */
import { type KeyObject, generateKeyPairSync } from "node:crypto";
import { type Claims, claims, sign } from "./jwt.ts";
import { SECRET } from "./runtime.ts";
import { isSecret } from "./secrets.ts";

export const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
export const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
export const ed = generateKeyPairSync("ed25519");
export const shared = isSecret("another shared secret, of more than 32 bytes");
export const stranger = {
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
      k: isSecret(Buffer.from(shared).toString("base64url")),
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

/** What a good token of alice says; each attack changes one thing. */
export const good = { ...claims("alice", ["subscribe"]), iss: ISSUER, aud: AUDIENCE };
export const but = (changed: Claims): Claims => ({ ...good, ...changed });
export const rooms = (granted: unknown): Claims => but({ rooms: granted });
export const pem = (key: KeyObject): string =>
  key.export({ format: "pem", type: "spki" }) as string;
export const encode = (part: unknown): string =>
  Buffer.from(JSON.stringify(part)).toString("base64url");

/** A good token of alice. */
export const signed = sign(good, SECRET);

/** A good token of just so many bytes. */
export function padded(bytes: number): string {
  // Three bytes of claims are four of the token: where it doesn't come out even, so does the header.
  for (let more = 0; more < 4; more++) {
    const rest = bytes - sign(but({ pad: "" }), SECRET, { pad: "x".repeat(more) }).length;
    for (let pad = Math.floor((rest * 3) / 4) - 2; pad <= (rest * 3) / 4 + 2; pad++) {
      const token = sign(but({ pad: "x".repeat(pad) }), SECRET, { pad: "x".repeat(more) });
      if (token.length === bytes) return token;
    }
  }
  throw new Error(`no token has ${bytes} bytes`);
}

/** One request that a token of `alice` suffices for. */
export function read(url: string, room: string, token: string): Promise<Response> {
  return fetch(`${url}/rooms/${room}/events`, { headers: { authorization: `Bearer ${token}` } });
}
