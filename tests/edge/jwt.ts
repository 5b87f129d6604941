/** Signs anything as a JWT, also what no honest issuer would: the attacks are made here too. */
import { createHmac, type KeyObject, sign as signature } from "node:crypto";
import { isSecret } from "./secrets.ts";

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
 * `header` and `claims` go in as they are, or as the text they are. The signature alone is what
 * makes it a secret: whoever reads it has the token.
 */
export function sign(
  claims: Claims | string,
  key: KeyObject | string,
  header: Claims | string = {},
  by: Algorithm = "HS256",
): string {
  const named = typeof header === "string" ? header : { alg: by, typ: "JWT", ...header };
  const signed = `${encode(named)}.${encode(claims)}`;
  const signing = isSecret(base64url(signers[by](Buffer.from(signed), key)));
  return `${signed}.${signing}`;
}

/** The time that claims are in: whole seconds. */
export const seconds = (fromNow: number): number => Math.floor(Date.now() / 1000) + fromNow;

const LEEWAY_S = 30;

/** The `exp` of a token that is taken for so many seconds more. */
export const endsIn = (fromNow: number): number => seconds(fromNow - LEEWAY_S);

/** The claims of an ordinary token, an hour long. */
export function claims(sub: string, can: readonly Grant[], room = "*"): Claims {
  return { sub, exp: seconds(3600), rooms: { [room]: can } };
}
