// Tokens for this machine's worker: made with the secret of .dev.vars, or with
// JWT_SECRET where that is set.
import { createHmac } from "node:crypto";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const GRANTS = ["subscribe", "publish", "presence", "admin"] as const;
export type Grant = (typeof GRANTS)[number];
/** What a token allows, by room pattern. */
export type Rooms = Record<string, Grant[]>;

const DEV_VARS = fileURLToPath(new URL("../.dev.vars", import.meta.url));

/** A token for `user` that the worker takes for `seconds` from now. */
export function issue(user: string, rooms: Rooms, seconds: number): string {
  if (existsSync(DEV_VARS)) process.loadEnvFile(DEV_VARS); // the environment's own values win
  const { JWT_SECRET: secret = "", JWT_ISSUER: iss, JWT_AUDIENCE: aud } = process.env;
  if (Buffer.byteLength(secret) < 32) {
    throw new Error(
      "JWT_SECRET has to be at least 32 bytes: set it, or remove .dev.vars to get a new one",
    );
  }
  const exp = Math.floor(Date.now() / 1000) + seconds;
  return sign({ sub: user, exp, iss, aud, rooms }, secret);
}

/** The claims as a JWT, signed with HS256. */
export function sign(claims: object, secret: string): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}
