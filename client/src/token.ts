/** Creates tokens with WebCrypto, so that the code runs in workers and in Node. */

import type { Right } from "./protocol.ts";

export type { Right };

/** Rights that a token can grant in a room. */
export const RIGHTS: readonly Right[] = ["subscribe", "publish", "presence", "admin"];

/** The content of a token. */
export interface TokenOptions {
  /** User of the token: 1 to 128 characters. */
  readonly user: string;
  /** Rights by room pattern: a room's name, a prefix that ends in `:*`, or `*`. */
  readonly rooms: Readonly<Record<string, readonly Right[]>>;
  /** Lifetime of the token, in seconds. */
  readonly expiresInSeconds: number;
  /** The `iss` claim. Must equal `JWT_ISSUER` if the worker has that variable. */
  readonly issuer?: string | undefined;
  /** The `aud` claim. Must equal `JWT_AUDIENCE` if the worker has that variable. */
  readonly audience?: string | undefined;
}

/** Minimum length of a secret: the size of a SHA-256 hash. */
const MIN_SECRET_BYTES = 32;
const MAX_TOKEN_BYTES = 8 * 1024;
const MAX_USER_CHARACTERS = 128;
const MAX_PATTERN_CHARACTERS = 200;
const SEGMENT = "[A-Za-z0-9_=@,.;-]+";
const PATTERN = new RegExp(`^(\\*|${SEGMENT}(:${SEGMENT})*(:\\*)?)$`);

/**
 * Creates a token that is signed with `JWT_SECRET` (HS256). Rejects with a `TypeError` if the
 * worker would reject or ignore a part of the token.
 */
export async function createToken(secret: string, options: TokenOptions): Promise<string> {
  const { user, rooms, expiresInSeconds, issuer, audience } = options;
  checkSecret(secret);
  checkUser(user);
  for (const [pattern, rights] of Object.entries(rooms)) {
    checkPattern(pattern);
    rights.forEach(checkRight);
  }
  if (!(expiresInSeconds > 0 && Number.isFinite(expiresInSeconds))) {
    throw new TypeError(`expiresInSeconds must be a positive number, not ${expiresInSeconds}`);
  }
  const exp = Math.floor(Date.now() / 1_000 + expiresInSeconds);
  const token = await sign({ sub: user, exp, iss: issuer, aud: audience, rooms }, secret);
  if (token.length <= MAX_TOKEN_BYTES) return token;
  throw new TypeError(
    `the token would have ${token.length} bytes, and may have ${MAX_TOKEN_BYTES}: list fewer rooms`,
  );
}

/** Throws a `TypeError` if the secret is too short for the worker. */
export function checkSecret(secret: string): void {
  const bytes = typeof secret === "string" ? bytesOf(secret).length : 0;
  if (bytes >= MIN_SECRET_BYTES) return;
  throw new TypeError(`JWT_SECRET must be at least ${MIN_SECRET_BYTES} bytes long, not ${bytes}`);
}

/** Throws a `TypeError` if the text can't be the user of a token. */
export function checkUser(user: string): void {
  const characters = typeof user === "string" ? [...user].length : 0;
  if (characters >= 1 && characters <= MAX_USER_CHARACTERS) return;
  throw new TypeError(`a user must have 1 to ${MAX_USER_CHARACTERS} characters`);
}

/** Throws a `TypeError` if the text is not a pattern of rooms. */
export function checkPattern(pattern: string): void {
  const isPattern =
    PATTERN.test(pattern) &&
    pattern.length <= MAX_PATTERN_CHARACTERS &&
    pattern !== "." &&
    pattern !== "..";
  if (isPattern) return;
  throw new TypeError(
    `${pattern}: expected a room name (shipments:42), a prefix that ends in :* (shipments:*), or *`,
  );
}

/** Returns the text as a right. Throws a `TypeError` if there is no such right. */
export function checkRight(text: string): Right {
  const right = RIGHTS.find((right) => right === text);
  if (right) return right;
  throw new TypeError(`${text}: expected ${RIGHTS.join(", ")}`);
}

/** Encodes the claims as a JWT and signs it. */
async function sign(claims: object, secret: string): Promise<string> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", bytesOf(secret), algorithm, false, ["sign"]);
  const part = (value: object) => base64url(bytesOf(JSON.stringify(value)));
  const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  const signature = await crypto.subtle.sign("HMAC", key, bytesOf(signed));
  return `${signed}.${base64url(new Uint8Array(signature))}`;
}

const bytesOf = (text: string) => new TextEncoder().encode(text);

const base64url = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");
