/** The claims and grants of a token. */
export interface Claims {
  sub: string;
  exp: number;
  grants: string[];
  /** The rooms that the grants apply to. If the field is absent, the grants apply to all rooms. */
  rooms?: string[] | undefined;
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

/** Returns an unsigned token in the format of a JWT. */
export const tokenFor = (
  sub: string,
  expiresAt: number,
  grants = ["subscribe", "publish", "presence"],
  rooms?: string[],
): string => `e30.${encode({ sub, exp: expiresAt / 1000, grants, rooms } satisfies Claims)}.x`;

export const grantIn = ({ grants, rooms }: Claims, room: string): string[] =>
  rooms === undefined || rooms.includes(room) ? grants : [];
