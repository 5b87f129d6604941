/** State of a model server: rooms, settings and tokens. It uses no network. */
import type { RateLimit } from "./bucket.ts";
import type { Claims } from "./claims.ts";
import { ModelRoom, type RoomSettings } from "./room.ts";

export class ModelServer {
  readonly rooms = new Map<string, ModelRoom>();
  readonly revoked = new Set<string>();
  /** Token that authenticates a request without a token, as a browser's cookie does. */
  cookie: string | undefined;
  readonly settings: RoomSettings = {
    retained: 1_000_000,
    members: Infinity,
    pingMs: 25_000,
    eventsPerFrame: 100,
    windowBytes: { own: 2 ** 20, shared: 2 ** 18 },
  };
  readonly now: () => number;
  rateLimit: RateLimit | undefined;
  /** Delay of a frame between a connection and one of its rooms, in ms. */
  lag: () => number = () => 0;
  /** Number of consecutive refused frames after which a connection is closed. */
  badRequestsInARow = 20;
  isRoomName: (name: string) => boolean = () => true;
  /** Number of sockets accepted since the start. */
  accepted = 0;
  /** All errors sent since the start. */
  readonly errors: object[] = [];

  constructor(now: () => number, settings: Partial<RoomSettings> = {}) {
    this.now = now;
    Object.assign(this.settings, settings);
  }

  room(name: string): ModelRoom {
    let room = this.rooms.get(name);
    if (room === undefined)
      this.rooms.set(name, (room = new ModelRoom(name, this.settings, this.now)));
    return room;
  }

  /** Returns the claims of a valid token. */
  claimsOf(token = this.cookie): Claims | undefined {
    if (token === undefined || this.revoked.has(token)) return undefined;
    const claims = JSON.parse(
      Buffer.from(token.split(".")[1] ?? "", "base64url").toString() || "{}",
    ) as Partial<Claims>;
    if (claims.exp === undefined || claims.exp * 1000 < this.now()) return undefined;
    return claims as Claims;
  }
}
