import { Alarm } from "./alarm.ts";
import {
  newConnection,
  step,
  wakeAt,
  type Connection,
  type Effect,
  type Input,
} from "./connection.ts";
import { isActive, type Backoff } from "./life.ts";
import type { Follower, Line, Transport } from "./line.ts";
import { SUBPROTOCOL, type Frame } from "./protocol.ts";
import { report } from "./report.ts";
import type { Token, Tokens } from "./tokens.ts";

export interface SocketOptions {
  readonly tokens: Tokens;
  readonly backoff: Backoff;
  readonly WebSocket: typeof WebSocket;
}

export const websocketOf = (url: URL): string => url.href.replace("http", "ws");

/** What a socket is closed with. Who is done leaves the members at once; who comes back stays one. */
const DONE = 1000;
const BACK_SOON = 4000;

/** Performs what `connection.ts` decides: it alone owns a WebSocket, its timer, and the page's signals. */
export class Socket implements Line {
  readonly transport: Transport = "websocket";
  readonly own = true;
  readonly #options: SocketOptions;
  readonly #address: () => string;
  readonly #follower: Follower;
  readonly #alarm = new Alarm(() => this.tell({ type: "tick" }));
  readonly #wake = (): void => {
    if (globalThis.document?.visibilityState !== "hidden") this.tell({ type: "wake" });
  };
  #connection: Connection;
  #websocket: WebSocket | undefined;
  /** Counts the dials and hang-ups, so that a token for an earlier one is known to come too late. */
  #dials = 0;
  #token: Token;

  /** The address is asked for at each dial: it may hold the position to resume from. */
  constructor(options: SocketOptions, address: () => string, follower: Follower) {
    this.#options = options;
    this.#address = address;
    this.#follower = follower;
    this.#connection = newConnection(options.backoff, Math.random() * 2 ** 32);
  }

  get connection(): Connection {
    return this.#connection;
  }

  send(text: string): void {
    this.#websocket?.send(text);
  }

  tell(input: Input): void {
    const before = this.#connection;
    const [after, effects] = step(before, input, Date.now());
    this.#connection = after;
    for (const effect of effects) this.#perform(effect);
    this.#alarm.set(wakeAt(after));
    if (after === before) return;
    if (after.phase !== before.phase) this.#attend(wakeAt(after) < Infinity);
    this.#follower.changed(after, before);
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case "dial":
        this.#hangUp();
        void this.#withToken(effect.newToken, (token) => this.#open(token));
        break;
      case "hang_up":
        this.#hangUp();
        break;
      case "send":
        this.send(effect.text);
        break;
      case "renew":
        void this.#withToken(true, (token) => {
          if (token !== undefined) this.send(JSON.stringify({ type: "auth", token }));
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
    } catch {
      if (dial === this.#dials) this.tell({ type: "token_failed" });
      return;
    }
    if (dial !== this.#dials) return;
    if (token === null) return this.tell({ type: "signed_out" });
    this.#token = token;
    use(token);
  }

  #open(token: string | undefined): void {
    const protocols = token === undefined ? [SUBPROTOCOL] : [SUBPROTOCOL, `bearer.${token}`];
    let websocket: WebSocket;
    try {
      websocket = new this.#options.WebSocket(this.#address(), protocols);
    } catch (error) {
      report(error);
      return this.tell({ type: "dial_failed" });
    }
    websocket.onmessage = ({ data }) => {
      const frame = JSON.parse(data) as Frame;
      this.tell({ type: "heard", frame });
      this.#follower.heard(frame, data);
    };
    websocket.onclose = ({ code }) => this.tell({ type: "lost", closeCode: code });
    this.#websocket = websocket;
  }

  /** Doesn't wait for `onclose`: on a dead network it comes minutes later. */
  #hangUp(): void {
    this.#dials++;
    const websocket = this.#websocket;
    if (websocket === undefined) return;
    this.#websocket = undefined;
    websocket.onmessage = websocket.onclose = null;
    websocket.close(isActive(this.#connection) ? BACK_SOON : DONE);
  }

  #attend(active: boolean): void {
    const change = active ? "addEventListener" : "removeEventListener";
    // Node has neither.
    globalThis[change]?.("online", this.#wake);
    globalThis.document?.[change]("visibilitychange", this.#wake);
  }
}
