import { claimsOf } from "../connection/tokens.ts";

/** What the server says of a token over a socket; here the client reads it itself, unverified. */
export interface Grants {
  readonly expires_at: number;
  grantIn(room: string): string[];
}

/** Of a cookie, or of what is no token: the server says what it allows when it is tried. */
const UNKNOWN: Grants = { expires_at: 0, grantIn: () => ["subscribe", "publish", "presence"] };

export function grantsOf(token = ""): Grants {
  const claims = claimsOf(token);
  if (typeof claims?.exp !== "number") return UNKNOWN;
  const grants = Object.entries(claims.rooms ?? {});
  return {
    expires_at: claims.exp * 1_000,
    grantIn: (room) => grants.flatMap(([pattern, rights]) => (covers(pattern, room) ? rights : [])),
  };
}

const covers = (pattern: string, room: string): boolean =>
  pattern === room ||
  pattern === "*" ||
  (pattern.endsWith(":*") && room.startsWith(pattern.slice(0, -1)));
