/** One connection for many rooms, as the contract has it in section 6. */
import { Bucket } from "./bucket.ts";
import type { Peer } from "./room.ts";
import { grantIn, Joined, type Accepted, type Claims, type ModelServer } from "./server.ts";

const ROOMS = 100;
const CHANGES = { perSecond: 50, burst: 100 };
const WAITING = 100;

/** A room of the connection. It is in the room while it is `open`. */
interface Part {
  stage: "opening" | "open" | "leaving";
  joined?: Joined;
  /** Frames that can't be taken yet. */
  waiting: Frame[];
  /** No frame of a room overtakes another, however long that one takes. */
  lastAt: number;
}

interface Frame {
  readonly type: string;
  readonly room?: string;
  readonly ref?: string;
  readonly token?: string;
  readonly since?: string;
}

export class ModelConnection implements Accepted {
  readonly #server: ModelServer;
  readonly #peer: Peer;
  readonly #changes: Bucket;
  readonly #parts = new Map<string, Part>();
  #claims: Claims;
  #gone = false;
  #badRequests = 0;

  constructor(server: ModelServer, claims: Claims, peer: Peer) {
    this.#server = server;
    this.#peer = peer;
    this.#claims = claims;
    this.#changes = new Bucket(CHANGES, server.now);
    const { pingMs } = server.settings;
    peer.send({
      type: "connected",
      user: claims.sub,
      expires_at: this.#expiresAt,
      ping_ms: pingMs,
    });
  }

  get #expiresAt(): number {
    return this.#claims.exp * 1000;
  }

  get user(): string {
    return this.#claims.sub;
  }

  lose(code: number): void {
    this.#gone = true;
    for (const { joined } of this.#parts.values()) joined?.lose(code);
    this.#parts.clear();
  }

  expire(): void {
    if (!this.#gone && this.#server.now() >= this.#expiresAt) this.#end(4001);
  }

  hear(text: string): void {
    if (this.#gone) return;
    if (text === '{"type":"ping"}') return this.#peer.send({ type: "pong" });
    const frame = JSON.parse(text) as Frame;
    const { length } = this.#server.errors;
    this.#handle(frame);
    if (this.#server.errors.length === length) this.#badRequests = 0;
    else if (++this.#badRequests >= this.#server.badRequestsInARow) this.#end(4400);
  }

  #handle(frame: Frame): void {
    if (["subscribe", "unsubscribe", "auth"].includes(frame.type)) {
      const retryAfterMs = this.#changes.tryAcquire();
      if (retryAfterMs !== undefined) return this.#refuse(frame, "rate_limited", retryAfterMs);
    }
    if (frame.type === "auth") this.#renew(this.#server.claimsOf(frame.token));
    else this.#onFrame(frame);
  }

  #renew(claims: Claims | undefined): void {
    if (claims?.sub !== this.#claims.sub) return this.#end(4001);
    this.#claims = claims;
    this.#peer.send({ type: "authorized", expires_at: this.#expiresAt });
    for (const { joined } of this.#parts.values()) joined?.renew(claims);
  }

  #onFrame(frame: Frame): void {
    const room = frame.room ?? "";
    const part = this.#parts.get(room);
    if (!this.#server.isRoomName(room)) {
      this.#refuse(frame, "bad_request");
    } else if (part === undefined) {
      if (frame.type === "subscribe") this.#subscribe(room, frame);
      else this.#refuse(frame, "bad_request");
    } else if (part.stage !== "open") {
      if (part.waiting.length < WAITING) part.waiting.push(frame);
      else this.#refuse(frame, "rate_limited", 1_000);
    } else if (frame.type === "subscribe") {
      this.#refuse(frame, "bad_request");
    } else if (frame.type === "unsubscribe") {
      part.stage = "leaving";
      this.#later(room, part, () => {
        part.joined?.lose(1000);
        this.#close(room, part, 1000);
      });
    } else {
      part.joined?.hear(JSON.stringify(frame));
    }
  }

  #subscribe(room: string, { since }: Frame): void {
    if (this.#parts.size >= ROOMS) return this.#refuse({ type: "subscribe", room }, "bad_request");
    if (!grantIn(this.#claims, room).includes("subscribe")) {
      return this.#peer.send({ type: "closed", room, code: 4003, reason: "forbidden" });
    }
    const part: Part = { stage: "opening", waiting: [], lastAt: 0 };
    this.#parts.set(room, part);
    this.#later(room, part, () => {
      const { windowBytes } = this.#server.settings;
      const peer = {
        send: (frame: object) => this.#later(room, part, () => this.#peer.send(frame)),
        close: (code: number) => this.#later(room, part, () => this.#close(room, part, code)),
      };
      part.stage = "open";
      part.joined = new Joined(this.#server, this.#server.room(room), this.#claims, peer, {
        since,
        windowBytes: windowBytes.shared,
      });
      for (const frame of part.waiting.splice(0)) this.#onFrame(frame);
    });
  }

  /** What waited before another `subscribe` is settled by it. */
  #close(room: string, { stage, waiting }: Part, code: number): void {
    this.#parts.delete(room);
    this.#peer.send({ type: "closed", room, code });
    const from = stage === "leaving" ? 0 : waiting.findIndex(({ type }) => type === "subscribe");
    if (from >= 0) for (const frame of waiting.slice(from)) this.#onFrame(frame);
  }

  #end(code: number): void {
    this.lose(code);
    this.#peer.close(code);
  }

  #refuse({ room, ref }: Frame, code: string, retry_after_ms?: number): void {
    const error = { type: "error", room, ref, code, message: `Refused: ${code}.`, retry_after_ms };
    this.#server.errors.push(error);
    this.#peer.send(error);
  }

  /** After the lag, if that part is still there. */
  #later(room: string, part: Part, action: () => void): void {
    const ifThere = (): void => {
      if (this.#parts.get(room) === part) action();
    };
    const { now, lag } = this.#server;
    part.lastAt = Math.max(now() + lag(), part.lastAt);
    if (part.lastAt > now()) setTimeout(ifThere, part.lastAt - now());
    else ifThere();
  }
}
