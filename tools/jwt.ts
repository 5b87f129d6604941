// Creates tokens for the worker on this machine. Signs the tokens with the secret in the
// environment variable JWT_SECRET. If the variable is not set, uses the secret in .dev.vars.
import { createHmac } from "node:crypto";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const GRANTS = ["subscribe", "publish", "presence", "admin"] as const;
export type Grant = (typeof GRANTS)[number];
/** Rights of a token by room pattern. */
export type Rooms = Record<string, Grant[]>;

const DEV_VARS = fileURLToPath(new URL("../.dev.vars", import.meta.url));

/** Creates a token for `user` that expires in `seconds`. */
export function issue(user: string, rooms: Rooms, seconds: number): string {
  if (existsSync(DEV_VARS)) process.loadEnvFile(DEV_VARS); // Does not replace variables that are set.
  const { JWT_SECRET: secret = "", JWT_ISSUER: iss, JWT_AUDIENCE: aud } = process.env;
  if (Buffer.byteLength(secret) < 32) {
    throw new Error(
      "JWT_SECRET must be at least 32 bytes long: set it, or remove .dev.vars to get a new one",
    );
  }
  const exp = Math.floor(Date.now() / 1000) + seconds;
  return sign({ sub: user, exp, iss, aud, rooms }, secret);
}

/** Encodes the claims as a JWT, and signs it with HS256. */
export function sign(claims: object, secret: string): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}
