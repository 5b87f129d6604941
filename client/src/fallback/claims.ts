/** What the server says of a token over a socket; here the client reads it itself, unverified. */
export interface Claims {
  readonly expires_at: number;
  grantIn(room: string): string[];
}

/** Of a cookie, or of what is no token: the server says what it allows when it is tried. */
const UNKNOWN: Claims = { expires_at: 0, grantIn: () => ["subscribe", "publish", "presence"] };

export function claimsOf(token = ""): Claims {
  try {
    const payload = token.split(".")[1]!.replace(/-/g, "+").replace(/_/g, "/");
    const bytes = Uint8Array.from(atob(payload), (character) => character.charCodeAt(0));
    const claims = JSON.parse(new TextDecoder().decode(bytes)) as {
      exp: number;
      rooms?: Record<string, string[]>;
    };
    const grants = Object.entries(claims.rooms ?? {});
    return {
      expires_at: claims.exp * 1_000,
      grantIn: (room) =>
        grants.flatMap(([pattern, rights]) => (covers(pattern, room) ? rights : [])),
    };
  } catch {
    return UNKNOWN;
  }
}

const covers = (pattern: string, room: string): boolean =>
  pattern === room ||
  pattern === "*" ||
  (pattern.endsWith(":*") && room.startsWith(pattern.slice(0, -1)));
