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
import { bytesOf, PING, SUBPROTOCOL, type Frame } from "../protocol.ts";
import type { TransportSelector } from "./transport-selector.ts";
import type { Token, TokenOptions, Tokens } from "./tokens.ts";

/** Reasons that no answer of the server's leads to. */
const unanswered: ReadonlySet<Code | undefined> = new Set(["offline", "timeout", "dial_failed"]);

export interface SocketOptions extends TokenOptions {
  readonly tokens: Tokens;
  readonly backoff: Backoff;
  readonly selector: TransportSelector;
}

/** What a socket is closed with. Who is done leaves the members at once; who comes back stays one. */
const DONE = 1000;
const BACK_SOON = 4000;

/** Performs what `connection.ts` decides: it alone owns a WebSocket, its timer, and the page's signals. */
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
  /** The browser says that it is offline: an open socket must answer a ping within two seconds. */
  readonly #probe = (): void => {
    if (this.#connection.phase === "open") this.dispatch({ type: "wake" });
  };
  #connection: Connection;
  #websocket: WebSocket | undefined;
  /** Counts the dials and hang-ups, so that a token for an earlier one is known to come too late. */
  #dials = 0;
  #token: Token;
  #transport: Transport;

  /**
   * The address is asked for at each dial: it may hold the position to resume from. By its label
   * it goes in what `debug` prints.
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

  /** Tells what became of a dial. Of other transports their readers do. */
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

  /** Hands on the token, unless another dial has begun meanwhile. */
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
    // Where the cookie is missing, the server says nothing, but answers this.
    if (token === undefined) websocket.onopen = () => websocket.send(PING);
    websocket.onmessage = ({ data }) => {
      const frame = JSON.parse(data) as Frame;
      // Of a cookie's user only the server knows.
      if ("user" in frame && frame.user) this.#options.identified(frame.user);
      // It was another user's.
      if (websocket !== this.#websocket) return;
      this.dispatch({ type: "frame_received", frame });
      this.#listener.onFrame(frame, bytesOf(data));
    };
    websocket.onclose = ({ code, reason }) => {
      this.#log(`closed: ${[code, reason].join(" ")}`);
      this.dispatch({ type: "socket_closed", closeCode: code });
    };
    // Of a socket that could not be opened, Node 22 says no more than this.
    websocket.onerror = () => this.dispatch({ type: "socket_closed", closeCode: 1006 });
    this.#websocket = websocket;
  }

  /** Doesn't wait for `onclose`: on a dead network it comes minutes later. */
  #close(): void {
    this.#dials++;
    const websocket = this.#websocket;
    if (!websocket) return;
    this.#websocket = undefined;
    websocket.onopen = websocket.onmessage = websocket.onclose = websocket.onerror = null;
    websocket.close(isActive(this.#connection) ? BACK_SOON : DONE);
  }

  #setActive(active: boolean): void {
    const change = active ? "addEventListener" : "removeEventListener";
    // Node has neither.
    globalThis[change]?.("online", this.#wake);
    globalThis[change]?.("offline", this.#probe);
    globalThis.document?.[change]("visibilitychange", this.#wake);
    this.#options.selector.setActive(this, active);
  }
}
