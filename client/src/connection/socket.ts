import { Timer } from "../timer.ts";
import { now, StepDetector } from "../clock.ts";
import { RoomcastError, type Code } from "../codes.ts";
import {
  newConnection,
  step,
  wakeAt,
  type Connection,
  type Effect,
  type Input,
} from "./connection.ts";
import { describe, isActive, type Backoff } from "./lifecycle.ts";
import type { Transport, TransportListener } from "./transport.ts";
import type { Frame } from "./frame.ts";
import { bytesOf } from "../limits.ts";
import { PING, SUBPROTOCOL } from "../protocol.ts";
import type { TransportSelector } from "./transport-selector.ts";
import type { Token, TokenOptions, Tokens } from "./tokens.ts";

/** Reasons for a dial that failed without an answer from the server. */
const unanswered: ReadonlySet<Code | undefined> = new Set(["offline", "timeout", "dial_failed"]);

export interface SocketOptions extends TokenOptions {
  readonly tokens: Tokens;
  readonly backoff: Backoff;
  readonly selector: TransportSelector;
}

/**
 * Close codes that the client sends. With `CLOSE_LEAVE`, a member leaves the room immediately. With
 * `CLOSE_RECONNECT`, the member stays in the room for the grace period of 10 s.
 */
const CLOSE_LEAVE = 1000;
const CLOSE_RECONNECT = 4000;

/**
 * Performs the effects of `connection.ts`. Owns the WebSocket, its timer, and the listeners for the
 * page's events.
 */
export class Socket {
  readonly #options: SocketOptions;
  readonly #label: string;
  readonly #address: () => string;
  readonly #listener: TransportListener;
  readonly #timer = new Timer(() => this.dispatch({ type: "tick" }));
  readonly #steps = new StepDetector();
  readonly #wake = (): void => {
    if (globalThis.document?.visibilityState !== "hidden") this.dispatch({ type: "wake" });
  };
  /**
   * Handles the browser's report that the browser is offline. An open socket must then answer a
   * ping within two seconds.
   */
  readonly #probe = (): void => {
    if (this.#connection.phase === "open") this.dispatch({ type: "wake" });
  };
  #connection: Connection;
  #websocket: WebSocket | undefined;
  /**
   * Number of dials and closes. If this number has changed since a token was requested, the token
   * is ignored.
   */
  #dials = 0;
  #token: Token;
  #transport: Transport;

  /**
   * `address` returns the socket's URL. `address` is called at each dial, because the URL may
   * contain the position to resume from. `label` names the socket in the `debug` log.
   */
  constructor(
    options: SocketOptions,
    label: string,
    address: () => string,
    listener: TransportListener,
  ) {
    this.#options = options;
    this.#label = label;
    this.#address = address;
    this.#listener = listener;
    this.#transport = options.selector.transport;
    this.#connection = newConnection(options.backoff, Math.random() * 2 ** 32);
  }

  get connection(): Connection {
    return this.#connection;
  }

  get transport(): Transport {
    return this.#transport;
  }

  send(text: string): void {
    this.#websocket?.send(text);
  }

  dispatch(input: Input): void {
    if (this.#steps.hasStepped()) this.#step({ type: "clock_stepped" });
    this.#step(input);
  }

  #step(input: Input): void {
    const before = this.#connection;
    const [after, effect] = step(before, input, now(), Date.now());
    this.#connection = after;
    if (this.#transport === "websocket") this.#report(after, before);
    if (after.phase !== before.phase) this.#log(describe(after, now()));
    if (effect) this.#perform(effect);
    if (after === before) return;
    this.#timer.set(wakeAt(after));
    if (after.phase !== before.phase) this.#setActive(isActive(after));
    this.#listener.onStateChange(after, before);
  }

  /**
   * Records the result of a WebSocket dial. The readers of the other transports record the results
   * of their own dials.
   */
  #report(after: Connection, before: Connection): void {
    const isOver = after.phase !== before.phase || after.refused !== before.refused;
    if (before.phase !== "opening" || !isOver) return;
    const isUnanswered = after.phase === "waiting" && unanswered.has(after.reason);
    this.#options.selector.recordDial(!isUnanswered);
  }

  #log(message: string): void {
    this.#options.log(`${this.#label}: ${message}`);
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case "dial":
        this.#close();
        this.#transport = this.#options.selector.transport;
        void this.#withToken(effect.newToken, (token) => this.#open(token));
        break;
      case "close":
        this.#close();
        break;
      case "ping":
        this.send(PING);
        break;
      case "renew":
        void this.#withToken(true, (token) => {
          if (token) this.send(JSON.stringify({ type: "auth", token }));
        });
        break;
    }
  }

  /** Calls `use` with the token, unless the socket was dialled again or closed meanwhile. */
  async #withToken(newToken: boolean, use: (token: string | undefined) => void): Promise<void> {
    const dial = this.#dials;
    let token: Token;
    try {
      token = await this.#options.tokens.get(newToken ? this.#token : undefined);
    } catch (error) {
      if (dial === this.#dials)
        this.dispatch({ type: "token_failed", error: error as RoomcastError });
      return;
    }
    if (dial !== this.#dials) return;
    if (token === null) return this.dispatch({ type: "signed_out" });
    this.#token = token;
    use(token);
  }

  #open(token: string | undefined): void {
    const protocols = token === undefined ? [SUBPROTOCOL] : [SUBPROTOCOL, `bearer.${token}`];
    const address = this.#address();
    let websocket: WebSocket;
    this.#log(`${address} by ${this.#transport}`);
    try {
      websocket = this.#options.selector.dial(this.#transport, address, protocols);
    } catch (cause) {
      const message = `No WebSocket can be opened: ${cause}`;
      const error = new RoomcastError("dial_failed", message, undefined, cause);
      this.#options.report(error);
      return this.dispatch({ type: "dial_failed", error });
    }
    // If the cookie is missing, the server sends nothing except the answer to this ping, unless a
    // room is public.
    if (token === undefined) websocket.onopen = () => websocket.send(PING);
    websocket.onmessage = ({ data }) => {
      const frame = JSON.parse(data) as Frame;
      // If a cookie authenticates the user, only the server knows the user. In public rooms, there
      // may be no user.
      if ("user" in frame && frame.user) this.#options.onUser(frame.user);
      // `onUser` closes this socket if it belonged to another user.
      if (websocket !== this.#websocket) return;
      this.dispatch({ type: "frame", frame });
      this.#listener.onFrame(frame, bytesOf(data));
    };
    websocket.onclose = ({ code, reason }) => {
      this.#log(`closed: ${[code, reason].join(" ")}`);
      this.dispatch({ type: "closed", closeCode: code });
    };
    // If a socket can't be opened, Node 22 fires only the `error` event.
    websocket.onerror = () => this.dispatch({ type: "closed", closeCode: 1006 });
    this.#websocket = websocket;
  }

  /**
   * Closes the socket without waiting for `onclose`, which fires minutes later on a dead network.
   */
  #close(): void {
    this.#dials++;
    const websocket = this.#websocket;
    if (!websocket) return;
    this.#websocket = undefined;
    websocket.onopen = websocket.onmessage = websocket.onclose = websocket.onerror = null;
    websocket.close(isActive(this.#connection) ? CLOSE_RECONNECT : CLOSE_LEAVE);
  }

  #setActive(active: boolean): void {
    const change = active ? "addEventListener" : "removeEventListener";
    // Node has neither global event listeners nor a `document`.
    globalThis[change]?.("online", this.#wake);
    globalThis[change]?.("offline", this.#probe);
    globalThis.document?.[change]("visibilitychange", this.#wake);
    this.#options.selector.setActive(this, active);
  }
}
