import type { Fetch } from "../http.ts";
import type { Position } from "../protocol.ts";
import { grantsOf } from "./claims.ts";
import { frameOf, type ClientFrame, type FrameSink } from "./frames.ts";
import { FORBIDDEN, Http, LOST, UNAUTHORIZED } from "./http.ts";
import { PING_MS, type Reader, type ReaderContext, type StartReader } from "./reader.ts";
import { HttpRoom } from "./http-room.ts";

export interface HttpSocketOptions {
  readonly fetch: Fetch;
  readonly read: StartReader;
  /**
   * Called when a room's reader has received its first answer (`true`), or has ended without an
   * answer (`false`).
   */
  recordDial(answered: boolean): void;
}

/**
 * Implements over HTTP the part of a WebSocket that the client uses. The address determines whether
 * this object is a socket of one room or a multiplexed connection.
 */
export class HttpSocket {
  onmessage: ((message: { data: string }) => void) | null = null;
  onclose: ((close: { code: number }) => void) | null = null;
  readonly #options: HttpSocketOptions;
  readonly #http: Http;
  readonly #rooms = new Map<string, HttpRoom>();
  readonly #isMultiplexed: boolean;
  /** The rooms that were refused because there is no token, each with the reason. */
  readonly #refused = new Map<string, string>();
  /** `true` if a room could be read without a token. */
  #isAnonymous = false;

  constructor(options: HttpSocketOptions, address: string, protocols: readonly string[]) {
    const { origin, pathname, searchParams } = new URL(address.replace("ws", "http"));
    const [, base, room] = /^(.*?)(?:\/rooms\/([^/]+))?\/events$/.exec(pathname)!;
    const [, token] = protocols;
    this.#options = options;
    this.#http = new Http(`${origin}${base}`, options.fetch, token?.slice("bearer.".length));
    this.#isMultiplexed = room === undefined;
    if (room === undefined) this.#connect();
    else this.#subscribe(decodeURIComponent(room), searchParams.get("since") ?? undefined);
  }

  send(text: string): void {
    const frame = JSON.parse(text) as ClientFrame;
    switch (frame.type) {
      case "ping":
        return this.#answer(frameOf("pong", {}));
      case "auth":
        return this.#authorize(frame.token);
      case "subscribe":
        return this.#subscribe(frame.room, frame.since);
      case "unsubscribe":
        return this.#unsubscribe(frame.room);
      default:
        return this.#rooms.get(frame.room)?.onFrame(frame);
    }
  }

  close(): void {
    for (const room of this.#rooms.values()) room.stop();
  }

  #emit(frame: string): void {
    this.onmessage?.({ data: frame });
  }

  /** Emits answers asynchronously, so that no answer arrives before `send` has returned. */
  #answer(...frames: string[]): void {
    queueMicrotask(() => frames.forEach((frame) => this.#emit(frame)));
  }

  /**
   * Emits `connected` without sending a request. The request of the first room shows whether the
   * server accepts the token.
   */
  #connect(): void {
    const { expires_at } = grantsOf(this.#http.token);
    this.#answer(frameOf("connected", { expires_at, ping_ms: PING_MS, unverified: true }));
  }

  /** Replaces the token. The server verifies the new token with the next request. */
  #authorize(token: string): void {
    this.#http.token = token;
    const { expires_at, rightsIn } = grantsOf(token);
    const rooms = [...this.#rooms.keys()].map((room) =>
      frameOf("authorized", { room, grant: rightsIn(room), expires_at }),
    );
    this.#answer(...(this.#isMultiplexed ? [frameOf("authorized", { expires_at })] : []), ...rooms);
  }

  #subscribe(room: string, since: Position | undefined): void {
    const { read, recordDial } = this.#options;
    let isOpen = false;
    // An answer may arrive after the room's subscription has ended and another subscription has
    // started.
    const isOver = (): boolean => this.#rooms.get(room) !== httpRoom;
    const sink: FrameSink = {
      onOpen: () => {
        recordDial((isOpen = true));
        this.#isAnonymous ||= this.#http.token === undefined;
        this.#settleRefused();
      },
      onFrame: (frame) => isOver() || this.#emit(frame),
      onClose: (code, reason) => {
        if (isOver()) return;
        if (!isOpen && code === LOST) recordDial(false);
        const isTokenMissing = code === UNAUTHORIZED && this.#http.token === undefined;
        if (isTokenMissing && !isOpen && this.#isMultiplexed) this.#refuse(room, reason);
        else this.#end(room, code, reason);
      },
    };
    const start = (context: ReaderContext): Reader => read(context, since);
    const httpRoom = new HttpRoom(this.#http, room, sink, start);
    this.#rooms.set(room, httpRoom);
  }

  /** Ends a room that was refused because there is no token. */
  #refuse(room: string, reason: string): void {
    this.#remove(room);
    this.#refused.set(room, reason);
    this.#settleRefused();
  }

  /**
   * Closes the refused rooms, as a connection without a token does, if another room is public. Ends
   * the connection if all rooms are refused. Until then, waits for the answers of the other rooms.
   */
  #settleRefused(): void {
    const isRefused = this.#refused.size > 0;
    if (isRefused && !this.#isAnonymous && this.#rooms.size === 0) {
      return this.onclose?.({ code: UNAUTHORIZED });
    }
    if (!this.#isAnonymous) return;
    for (const [room, reason] of this.#refused)
      this.#emit(frameOf("closed", { room, code: FORBIDDEN, reason }));
    this.#refused.clear();
  }

  #remove(room: string): void {
    this.#rooms.get(room)?.stop();
    this.#rooms.delete(room);
    this.#refused.delete(room);
  }

  #unsubscribe(room: string): void {
    this.#remove(room);
    this.#answer(frameOf("closed", { room, code: 1000, reason: "" }));
    queueMicrotask(() => this.#settleRefused());
  }

  /**
   * Ends a room. Ends all rooms if the room was lost without a close code, or if the token was
   * rejected.
   */
  #end(room: string, code: number, reason: string): void {
    this.#remove(room);
    if (this.#isMultiplexed && code !== LOST && code !== UNAUTHORIZED) {
      this.#emit(frameOf("closed", { room, code, reason }));
      return this.#settleRefused();
    }
    this.close();
    this.onclose?.({ code });
  }
}
