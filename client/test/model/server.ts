/** Routes, tokens and frames of the contract, as far as the client uses them, apart from any network. */
import { Bucket, type RateLimit } from "./bucket.ts";
import { ModelConnection } from "./connection.ts";
import { ModelRoom, type NewEvent, type Peer, type RoomSettings, type Session } from "./room.ts";

export interface Claims {
  sub: string;
  exp: number;
  grants: string[];
  /** The rooms that they are for; all, if it is not there. */
  rooms?: string[] | undefined;
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

/** Of a token's form, but unsigned. */
export const tokenFor = (
  sub: string,
  expiresAt: number,
  grants = ["subscribe", "publish", "presence"],
  rooms?: string[],
): string => `e30.${encode({ sub, exp: expiresAt / 1000, grants, rooms } satisfies Claims)}.x`;

export const grantIn = ({ grants, rooms }: Claims, room: string): string[] =>
  rooms === undefined || rooms.includes(room) ? grants : [];

/** What a frame needs. */
const rights: Record<string, string> = {
  publish: "publish",
  signal: "publish",
  enter: "presence",
  leave: "presence",
  members: "presence",
};

/** A socket that was accepted: what its frames do. */
export interface Accepted {
  readonly user: string;
  hear(text: string): void;
  /** It went, with the code of the Close, or 1006 without one. */
  lose(code: number): void;
  /** Ends it if its token has expired. */
  expire(): void;
}

/** How a session begins. */
export interface Start {
  since: string | undefined;
  /** Of its flow control, if that is on. */
  windowBytes: number | undefined;
}

export class ModelServer {
  readonly rooms = new Map<string, ModelRoom>();
  readonly revoked = new Set<string>();
  /** The token that comes along where a client shows none, as a browser's cookie does. */
  cookie: string | undefined;
  readonly settings: RoomSettings = {
    retained: 1_000_000,
    members: Infinity,
    pingMs: 25_000,
    eventsAFrame: 100,
    windowBytes: { own: 2 ** 20, shared: 2 ** 18 },
  };
  readonly now: () => number;
  rateLimit: RateLimit | undefined;
  /** How long a frame is on its way between a connection and one of its rooms. */
  lag: () => number = () => 0;
  /** How many refused frames end a connection. */
  badRequestsInARow = 20;
  isRoomName: (name: string) => boolean = () => true;
  /** How many sockets were accepted, ever. */
  accepted = 0;
  /** Every error that was sent, ever. */
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

  claimsOf(token = this.cookie): Claims | undefined {
    if (token === undefined || this.revoked.has(token)) return undefined;
    const claims = JSON.parse(
      Buffer.from(token.split(".")[1] ?? "", "base64url").toString() || "{}",
    ) as Partial<Claims>;
    if (claims.exp === undefined || claims.exp * 1000 < this.now()) return undefined;
    return claims as Claims;
  }

  /** `undefined` if it was refused. */
  connect(url: URL, token: string | undefined, peer: Peer): Accepted | undefined {
    if (token === undefined && this.cookie === undefined) return new Stranger(peer);
    const claims = this.claimsOf(token);
    if (claims === undefined) return refuse(peer, 4001);
    if (url.pathname === "/events") {
      this.accepted++;
      return new ModelConnection(this, claims, peer);
    }
    const name = decodeURIComponent(url.pathname.split("/")[2]!);
    if (!grantIn(claims, name).includes("subscribe")) return refuse(peer, 4003);
    this.accepted++;
    return new Joined(this, this.room(name), claims, peer, {
      since: url.searchParams.get("since") ?? undefined,
      windowBytes: url.searchParams.has("flow") ? this.settings.windowBytes.own : undefined,
    });
  }
}

function refuse(peer: Peer, code: number): undefined {
  peer.close(code);
}

const FIRST_FRAME_MS = 10_000;

/** A socket that has shown no token: it hears nothing but `pong`, until its time is up. */
class Stranger implements Accepted {
  readonly user = "";
  readonly #peer: Peer;
  readonly #tooLate: ReturnType<typeof setTimeout>;

  constructor(peer: Peer) {
    this.#peer = peer;
    this.#tooLate = setTimeout(() => peer.close(4001), FIRST_FRAME_MS);
  }

  hear(text: string): void {
    if (text === '{"type":"ping"}') this.#peer.send({ type: "pong" });
    else this.#peer.close(4001);
  }

  lose(): void {
    clearTimeout(this.#tooLate);
  }

  expire(): void {}
}

export interface RoomFrame extends NewEvent {
  type: string;
  ref?: string;
  token?: string;
  seq: number;
}

/** A session in a room, and what its frames do. */
export class Joined implements Accepted {
  readonly room: ModelRoom;
  readonly session: Session;
  readonly #server: ModelServer;
  readonly #bucket: Bucket | undefined;

  constructor(server: ModelServer, room: ModelRoom, claims: Claims, peer: Peer, start: Start) {
    this.#server = server;
    this.room = room;
    this.#bucket = server.rateLimit && new Bucket(server.rateLimit, server.now);
    const who = {
      user: claims.sub,
      grants: grantIn(claims, room.name),
      expiresAt: claims.exp * 1000,
    };
    this.session = room.join(who, peer, start);
  }

  get #isIn(): boolean {
    return this.room.sessions.has(this.session);
  }

  get user(): string {
    return this.session.user;
  }

  lose(code: number): void {
    this.room.lose(this.session, code);
  }

  expire(): void {
    if (this.#isIn && this.#server.now() >= this.session.expiresAt) this.#end(4001);
  }

  hear(text: string): void {
    const { session, room } = this;
    if (!this.#isIn) return;
    if (text === '{"type":"ping"}') return session.peer.send({ type: "pong" });
    const frame = JSON.parse(text) as RoomFrame;
    if (frame.type === "auth") return this.renew(this.#server.claimsOf(frame.token));
    if (frame.type === "seen") return room.seen(session, frame.seq);
    const retryAfterMs = this.#bucket?.tryAcquire();
    if (retryAfterMs !== undefined) return this.#refuse(frame.ref, "rate_limited", retryAfterMs);
    const right = rights[frame.type];
    if (right === undefined) return this.#refuse(frame.ref, "bad_request");
    if (!session.grants.includes(right)) return this.#refuse(frame.ref, "forbidden");
    switch (frame.type) {
      case "signal":
        return room.signal(frame.name, frame.data, session.user, session);
      case "enter":
        if (!room.hasSpaceFor(session.user)) return this.#refuse(frame.ref, "room_full");
        return room.presence.enter(session, frame.data ?? null);
      case "leave":
        return room.presence.leave(session);
      case "members":
        return room.presence.list(session);
    }
    const { seqs } = room.append([frame], session.user, this.#server.now());
    const { ref } = frame;
    if (ref) session.peer.send({ type: "ack", room: room.name, ref, seq: seqs[0] });
  }

  renew(claims: Claims | undefined): void {
    const { session, room } = this;
    if (!this.#isIn) return;
    if (claims?.sub !== session.user) return this.#end(4001);
    session.grants = grantIn(claims, room.name);
    if (!session.grants.includes("subscribe")) return this.#end(4003);
    if (!session.grants.includes("presence")) room.presence.leave(session);
    session.expiresAt = claims.exp * 1000;
    session.peer.send({
      type: "authorized",
      room: room.name,
      grant: session.grants,
      expires_at: session.expiresAt,
    });
  }

  #end(code: number): void {
    this.room.end(this.session, code);
  }

  #refuse(ref: string | undefined, code: string, retry_after_ms?: number): void {
    const message = `Refused: ${code}.`;
    const error = { type: "error", room: this.room.name, ref, code, message, retry_after_ms };
    this.#server.errors.push(error);
    this.session.peer.send(error);
  }
}
