/**
 * Signs JWTs with any header and any claims. The tests of attacks also sign invalid headers and
 * claims.
 */
import { createHmac, type KeyObject, sign as signature } from "node:crypto";
import { registerSecret } from "./secrets.ts";

export type Claims = Record<string, unknown>;
export type Grant = "subscribe" | "publish" | "presence" | "admin";
type Algorithm = "HS256" | "RS256" | "ES256" | "EdDSA";

const base64url = (part: string | Uint8Array): string => Buffer.from(part).toString("base64url");
const encode = (part: unknown): string =>
  base64url(typeof part === "string" ? part : JSON.stringify(part));

const signers: Record<Algorithm, (text: Buffer, key: KeyObject | string) => Buffer> = {
  HS256: (text, key) => createHmac("sha256", key).update(text).digest(),
  RS256: (text, key) => signature("sha256", text, key),
  ES256: (text, key) =>
    signature("sha256", text, { key: key as KeyObject, dsaEncoding: "ieee-p1363" }),
  EdDSA: (text, key) => signature(null, text, key),
};

/**
 * Signs a token. If `header` or `claims` is a string, that string is used as the JSON text, without
 * checks. The signature is registered as a secret, because it is the part of a token that can't be
 * guessed.
 */
export function sign(
  claims: Claims | string,
  key: KeyObject | string,
  header: Claims | string = {},
  by: Algorithm = "HS256",
): string {
  const named = typeof header === "string" ? header : { alg: by, typ: "JWT", ...header };
  const signed = `${encode(named)}.${encode(claims)}`;
  const secret = registerSecret(base64url(signers[by](Buffer.from(signed), key)));
  return `${signed}.${secret}`;
}

/**
 * Returns the time that is `fromNow` seconds after the current time, in whole seconds since 1970.
 */
export const seconds = (fromNow: number): number => Math.floor(Date.now() / 1000) + fromNow;

const LEEWAY_S = 30;

/** Returns the `exp` of a token that the server accepts for `fromNow` more seconds. */
export const endsIn = (fromNow: number): number => seconds(fromNow - LEEWAY_S);

/** Returns the claims of a valid token that expires in an hour. */
export function claims(sub: string, can: readonly Grant[], room = "*"): Claims {
  return { sub, exp: seconds(3600), rooms: { [room]: can } };
}
