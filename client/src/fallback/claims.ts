/** What the server says of a token over a socket; here the client reads it itself, unverified. */
export interface Claims {
  readonly expires_at: number;
  grantIn(room: string): string[];
}

/** A user known by a cookie may do what the server allows when it is tried. */
const UNKNOWN: Claims = { expires_at: 0, grantIn: () => ["subscribe", "publish", "presence"] };

export function claimsOf(token: string | undefined): Claims {
  if (token === undefined) return UNKNOWN;
  const payload = token.split(".")[1]!.replace(/-/g, "+").replace(/_/g, "/");
  const bytes = Uint8Array.from(atob(payload), (character) => character.charCodeAt(0));
  const { exp, rooms = {} } = JSON.parse(new TextDecoder().decode(bytes)) as {
    exp: number;
    rooms?: Record<string, string[]>;
  };
  return {
    expires_at: exp * 1_000,
    grantIn: (room) =>
      Object.entries(rooms).flatMap(([pattern, grants]) => (covers(pattern, room) ? grants : [])),
  };
}

const covers = (pattern: string, room: string): boolean =>
  pattern === room ||
  pattern === "*" ||
  (pattern.endsWith(":*") && room.startsWith(pattern.slice(0, -1)));
