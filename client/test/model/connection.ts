/** A multiplexed connection for many rooms, as in section 6 of the contract. */
import { Bucket } from "./bucket.ts";
import { grantIn, type Claims } from "./claims.ts";
import { Joined } from "./joined.ts";
import type { ModelServer } from "./server.ts";
import type { Peer, ServerSocket } from "./session.ts";

const MAX_ROOMS = 100;
const SUBSCRIBE_LIMIT = { perSecond: 50, burst: 100 };
const MAX_WAITING = 100;

/** A subscription of a room on the connection. */
interface Subscription {
  state: "subscribing" | "subscribed" | "unsubscribing";
  joined?: Joined;
  /** Frames that can't be handled yet. */
  waiting: Frame[];
  /** Time when the last frame arrives. A later frame with a shorter lag must not arrive earlier. */
  lastAt: number;
}

interface Frame {
  readonly type: string;
  readonly room?: string;
  readonly ref?: string;
  readonly token?: string;
  readonly since?: string;
}

export class ModelConnection implements ServerSocket {
  readonly #server: ModelServer;
  readonly #peer: Peer;
  readonly #bucket: Bucket;
  readonly #subscriptions = new Map<string, Subscription>();
  #claims: Claims;
  #closed = false;
  #badRequests = 0;

  constructor(server: ModelServer, claims: Claims, peer: Peer) {
    this.#server = server;
    this.#peer = peer;
    this.#claims = claims;
    this.#bucket = new Bucket(SUBSCRIBE_LIMIT, server.now);
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

  disconnect(code: number): void {
    this.#closed = true;
    for (const { joined } of this.#subscriptions.values()) joined?.disconnect(code);
    this.#subscriptions.clear();
  }

  expire(): void {
    if (!this.#closed && this.#server.now() >= this.#expiresAt) this.#end(4001);
  }

  receive(text: string): void {
    if (this.#closed) return;
    if (text === '{"type":"ping"}') return this.#peer.send({ type: "pong" });
    const frame = JSON.parse(text) as Frame;
    const { length } = this.#server.errors;
    this.#handle(frame);
    if (this.#server.errors.length === length) this.#badRequests = 0;
    else if (++this.#badRequests >= this.#server.badRequestsInARow) this.#end(4400);
  }

  #handle(frame: Frame): void {
    if (["subscribe", "unsubscribe", "auth"].includes(frame.type)) {
      const retryAfterMs = this.#bucket.tryAcquire();
      if (retryAfterMs !== undefined) return this.#refuse(frame, "rate_limited", retryAfterMs);
    }
    if (frame.type === "auth") this.#renew(this.#server.claimsOf(frame.token));
    else this.#onFrame(frame);
  }

  #renew(claims: Claims | undefined): void {
    if (claims?.sub !== this.#claims.sub) return this.#end(4001);
    this.#claims = claims;
    this.#peer.send({ type: "authorized", expires_at: this.#expiresAt });
    for (const { joined } of this.#subscriptions.values()) joined?.renew(claims);
  }

  #onFrame(frame: Frame): void {
    const room = frame.room ?? "";
    const subscription = this.#subscriptions.get(room);
    if (!this.#server.isRoomName(room)) {
      this.#refuse(frame, "bad_request");
    } else if (subscription === undefined) {
      if (frame.type === "subscribe") this.#subscribe(room, frame);
      else this.#refuse(frame, "bad_request");
    } else if (subscription.state !== "subscribed") {
      if (subscription.waiting.length < MAX_WAITING) subscription.waiting.push(frame);
      else this.#refuse(frame, "rate_limited", 1_000);
    } else if (frame.type === "subscribe") {
      this.#refuse(frame, "bad_request");
    } else if (frame.type === "unsubscribe") {
      subscription.state = "unsubscribing";
      this.#afterLag(room, subscription, () => {
        subscription.joined?.disconnect(1000);
        this.#close(room, subscription, 1000);
      });
    } else {
      subscription.joined?.receive(JSON.stringify(frame));
    }
  }

  #subscribe(room: string, { since }: Frame): void {
    if (this.#subscriptions.size >= MAX_ROOMS)
      return this.#refuse({ type: "subscribe", room }, "bad_request");
    if (!grantIn(this.#claims, room).includes("subscribe")) {
      return this.#peer.send({ type: "closed", room, code: 4003, reason: "forbidden" });
    }
    const subscription: Subscription = { state: "subscribing", waiting: [], lastAt: 0 };
    this.#subscriptions.set(room, subscription);
    this.#afterLag(room, subscription, () => {
      const { windowBytes } = this.#server.settings;
      const peer = {
        send: (frame: object) => this.#afterLag(room, subscription, () => this.#peer.send(frame)),
        close: (code: number) =>
          this.#afterLag(room, subscription, () => this.#close(room, subscription, code)),
      };
      subscription.state = "subscribed";
      subscription.joined = new Joined(this.#server, this.#server.room(room), this.#claims, peer, {
        since,
        windowBytes: windowBytes.shared,
      });
      for (const frame of subscription.waiting.splice(0)) this.#onFrame(frame);
    });
  }

  /**
   * Ends a subscription, then handles the frames that have waited. If the room has ended the
   * subscription, drops the waiting frames that precede the next `subscribe`.
   */
  #close(room: string, { state, waiting }: Subscription, code: number): void {
    this.#subscriptions.delete(room);
    this.#peer.send({ type: "closed", room, code });
    const from =
      state === "unsubscribing" ? 0 : waiting.findIndex(({ type }) => type === "subscribe");
    if (from >= 0) for (const frame of waiting.slice(from)) this.#onFrame(frame);
  }

  #end(code: number): void {
    this.disconnect(code);
    this.#peer.close(code);
  }

  #refuse({ room, ref }: Frame, code: string, retry_after_ms?: number): void {
    const error = { type: "error", room, ref, code, message: `Refused: ${code}.`, retry_after_ms };
    this.#server.errors.push(error);
    this.#peer.send(error);
  }

  /** Runs an action after the lag, if the subscription still exists. */
  #afterLag(room: string, subscription: Subscription, action: () => void): void {
    const runIfCurrent = (): void => {
      if (this.#subscriptions.get(room) === subscription) action();
    };
    const { now, lag } = this.#server;
    subscription.lastAt = Math.max(now() + lag(), subscription.lastAt);
    if (subscription.lastAt > now()) setTimeout(runIfCurrent, subscription.lastAt - now());
    else runIfCurrent();
  }
}
