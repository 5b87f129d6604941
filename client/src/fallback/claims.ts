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
 * Returns the rights that the client assumes if it can't read them: all rights that it uses. The
 * server accepts or rejects each request. This applies to a cookie, to a client without a token, to
 * a token that is no JWT, and to a token without `rooms`, whose rights come from the server's
 * `ROOM_GRANTS`.
 */
const unknownRights = (): string[] => ["subscribe", "publish", "presence"];

export function grantsOf(token = ""): Grants {
  const { exp, rooms } = claimsOf(token) ?? {};
  const grants = Object.entries(rooms ?? {});
  return {
    expires_at: typeof exp === "number" ? exp * 1_000 : 0,
    rightsIn: rooms
      ? (room) => grants.flatMap(([pattern, rights]) => (covers(pattern, room) ? rights : []))
      : unknownRights,
  };
}

/** Returns whether a pattern of a token matches the room. */
const covers = (pattern: string, room: string): boolean =>
  pattern === room ||
  pattern === "*" ||
  (pattern.endsWith(":*") && room.startsWith(pattern.slice(0, -1)));
