import { claimsOf } from "../connection/tokens.ts";

/**
 * Expiry and grants of a token. Over a socket, the server sends both. Over HTTP, the client reads
 * them from the token, without verification.
 */
export interface Grants {
  readonly expires_at: number;
  rightsIn(room: string): string[];
}

/**
 * Grants that the client assumes for a cookie or an unreadable token: all rights that the client
 * uses. The server accepts or rejects each request.
 */
const UNKNOWN: Grants = { expires_at: 0, rightsIn: () => ["subscribe", "publish", "presence"] };

export function grantsOf(token = ""): Grants {
  const claims = claimsOf(token);
  if (typeof claims?.exp !== "number") return UNKNOWN;
  const grants = Object.entries(claims.rooms ?? {});
  return {
    expires_at: claims.exp * 1_000,
    rightsIn: (room) =>
      grants.flatMap(([pattern, rights]) => (covers(pattern, room) ? rights : [])),
  };
}

/** Returns whether a pattern of a token matches the room. */
const covers = (pattern: string, room: string): boolean =>
  pattern === room ||
  pattern === "*" ||
  (pattern.endsWith(":*") && room.startsWith(pattern.slice(0, -1)));
