/** A session in a room. Handles the frames of the session's own socket or of a subscription. */
import { Bucket } from "./bucket.ts";
import { grantIn, type Claims } from "./claims.ts";
import type { ModelRoom, NewEvent } from "./room.ts";
import type { ModelServer } from "./server.ts";
import type { Peer, ServerSocket, Session } from "./session.ts";

/** For each type of frame, the right that the frame requires. */
const rights: Record<string, string> = {
  publish: "publish",
  signal: "publish",
  enter: "presence",
  leave: "presence",
  members: "presence",
};

/** Options of a join. */
export interface JoinOptions {
  since: string | undefined;
  /** Window of the flow control, or `undefined` for a session without flow control. */
  windowBytes: number | undefined;
}

interface ClientFrame extends NewEvent {
  type: string;
  ref?: string;
  token?: string;
  seq: number;
}

export class Joined implements ServerSocket {
  readonly room: ModelRoom;
  readonly session: Session;
  readonly #server: ModelServer;
  readonly #bucket: Bucket | undefined;

  constructor(
    server: ModelServer,
    room: ModelRoom,
    claims: Claims,
    peer: Peer,
    options: JoinOptions,
  ) {
    this.#server = server;
    this.room = room;
    this.#bucket = server.rateLimit && new Bucket(server.rateLimit, server.now);
    const identity = {
      user: claims.sub,
      grants: grantIn(claims, room.name),
      expiresAt: claims.exp * 1000,
    };
    this.session = room.join(identity, peer, options);
  }

  get #isOpen(): boolean {
    return this.room.sessions.has(this.session);
  }

  get user(): string {
    return this.session.user;
  }

  disconnect(code: number): void {
    this.room.disconnect(this.session, code);
  }

  expire(): void {
    if (this.#isOpen && this.#server.now() >= this.session.expiresAt) this.#end(4001);
  }

  receive(text: string): void {
    const { session, room } = this;
    if (!this.#isOpen) return;
    if (text === '{"type":"ping"}') return session.peer.send({ type: "pong" });
    const frame = JSON.parse(text) as ClientFrame;
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
        return room.presence.sendList(session);
    }
    const { seqs } = room.append([frame], session.user, this.#server.now());
    const { ref } = frame;
    if (ref) session.peer.send({ type: "ack", room: room.name, ref, seq: seqs[0] });
  }

  renew(claims: Claims | undefined): void {
    const { session, room } = this;
    if (!this.#isOpen) return;
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
