/** Routes, tokens and frames of the contract, as far as the client uses them, apart from any network. */
import { ModelRoom, type NewEvent, type Peer, type RoomSettings, type Session } from "./room.ts";

interface Claims {
  sub: string;
  exp: number;
  grants: string[];
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

/** Of a token's form, but unsigned. */
export const tokenFor = (
  sub: string,
  expiresAt: number,
  grants = ["subscribe", "publish", "presence"],
): string => `e30.${encode({ sub, exp: expiresAt / 1000, grants } satisfies Claims)}.x`;

/** What a frame needs. */
const rights: Record<string, string> = {
  publish: "publish",
  signal: "publish",
  enter: "presence",
  leave: "presence",
  members: "presence",
};

/** What a client's frame may ask for in one second, and at once. */
export interface RateLimit {
  perSecond: number;
  burst: number;
}

export class ModelServer {
  readonly rooms = new Map<string, ModelRoom>();
  readonly revoked = new Set<string>();
  readonly settings: RoomSettings = { retained: 1_000_000, pingMs: 25_000, eventsAFrame: 100 };
  readonly now: () => number;
  rateLimit: RateLimit | undefined;
  /** How many sockets were accepted, ever. */
  accepted = 0;

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

  claimsOf(token: string | undefined): Claims | undefined {
    if (token === undefined || this.revoked.has(token)) return undefined;
    const claims = JSON.parse(
      Buffer.from(token.split(".")[1] ?? "", "base64url").toString() || "{}",
    ) as Partial<Claims>;
    if (claims.exp === undefined || claims.exp * 1000 < this.now()) return undefined;
    return claims as Claims;
  }

  /** A socket that was accepted: what its frames do. `undefined` if it was refused. */
  connect(
    name: string,
    query: URLSearchParams,
    token: string | undefined,
    peer: Peer,
  ): Connected | undefined {
    const claims = this.claimsOf(token);
    const refusal = !claims ? 4001 : claims.grants.includes("subscribe") ? undefined : 4003;
    if (refusal !== undefined || claims === undefined) {
      peer.close(refusal ?? 4001);
      return undefined;
    }
    this.accepted++;
    const room = this.room(name);
    const who = { user: claims.sub, grants: claims.grants, expiresAt: claims.exp * 1000 };
    return new Connected(this, room, room.join(who, peer, query.get("since")));
  }
}

export class Connected {
  readonly room: ModelRoom;
  readonly session: Session;
  readonly #server: ModelServer;
  #allowance: number;
  #refilledAt: number;

  constructor(server: ModelServer, room: ModelRoom, session: Session) {
    this.#server = server;
    this.room = room;
    this.session = session;
    this.#allowance = server.rateLimit?.burst ?? Infinity;
    this.#refilledAt = server.now();
  }

  lose(code: number): void {
    this.room.lose(this.session, code);
  }

  expire(): void {
    if (this.#server.now() >= this.session.expiresAt) this.room.end(this.session, 4001);
  }

  hear(text: string): void {
    const { peer } = this.session;
    if (!this.room.sessions.has(this.session)) return;
    if (text === '{"type":"ping"}') return peer.send({ type: "pong" });
    const frame = JSON.parse(text) as { type: string; ref?: string; token?: string } & NewEvent;
    if (frame.type === "auth") return this.#renew(frame.token);
    if (!this.#mayNow()) {
      return this.#refuse(frame.ref, "rate_limited", 1000 / this.#server.rateLimit!.perSecond);
    }
    const right = rights[frame.type];
    if (right === undefined) return this.#refuse(frame.ref, "bad_request");
    if (!this.session.grants.includes(right)) return this.#refuse(frame.ref, "forbidden");
    const { room, session } = this;
    switch (frame.type) {
      case "signal":
        return room.signal(frame.name, frame.data, session.user, session);
      case "enter":
        return room.presence.enter(session, frame.data ?? null);
      case "leave":
        return room.presence.leave(session);
      case "members":
        return room.presence.list(session);
    }
    const { seqs } = room.append([frame], session.user, this.#server.now());
    if (frame.ref) peer.send({ type: "ack", room: room.name, ref: frame.ref, seq: seqs[0] });
  }

  #renew(token: string | undefined): void {
    const claims = this.#server.claimsOf(token);
    if (claims?.sub !== this.session.user) return this.room.end(this.session, 4001);
    this.session.expiresAt = claims.exp * 1000;
    this.session.grants = claims.grants;
    if (!claims.grants.includes("presence")) this.room.presence.leave(this.session);
    this.session.peer.send({
      type: "authorized",
      room: this.room.name,
      grant: claims.grants,
      expires_at: this.session.expiresAt,
    });
  }

  #refuse(ref: string | undefined, code: string, retry_after_ms?: number): void {
    const message = `Refused: ${code}.`;
    this.session.peer.send({
      type: "error",
      room: this.room.name,
      ref,
      code,
      message,
      retry_after_ms,
    });
  }

  #mayNow(): boolean {
    const { rateLimit, now } = this.#server;
    if (rateLimit === undefined) return true;
    const refill = ((now() - this.#refilledAt) / 1000) * rateLimit.perSecond;
    this.#allowance = Math.min(rateLimit.burst, this.#allowance + refill);
    this.#refilledAt = now();
    if (this.#allowance < 1) return false;
    this.#allowance--;
    return true;
  }
}
