/**
 * A client at the level of the contract: it knows frames and codes, not what they are for. Not the
 * product's package, so that a mistake in the one can't hide a mistake in the other.
 */
import { WebSocket } from "ws";

export interface Event {
  seq: number;
  name: string;
  data: unknown;
  at: number;
  from: string;
  id?: string;
  key?: string;
}

/** Looked into freely: each test knows what it expects. */
export type Frame = Record<string, any> & { type: string };

export interface Closing {
  code: number;
  reason: string;
}

export interface Connection {
  token?: string | undefined;
  query?: string | undefined;
  offers?: string[] | undefined;
  headers?: Record<string, string> | undefined;
}

/** Long enough for a loaded machine. A test that is right never waits for it. */
const PATIENCE_MS = 30_000;

/** A WebSocket on its way to `url`: whoever listens from this turn on hears all of it. */
export function dial(
  url: string,
  { token, query, offers = ["roomcast.v1"], headers = {} }: Connection = {},
): WebSocket {
  const address = url.replace(/^http/, "ws") + (query ? `?${query}` : "");
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const socket = new WebSocket(address, offers, {
    headers: { ...authorization, ...headers },
    maxPayload: 0,
    perMessageDeflate: false,
  });
  socket.on("error", () => {}); // A close follows, and says more.
  return socket;
}

export class Socket {
  /** The subprotocol that the server selected. */
  readonly protocol: string;
  /** The text of the frame that was taken last, for tests that look at bytes. */
  text = "";
  readonly #socket: WebSocket;
  readonly #inbox: (string | Closing)[] = [];
  #wake = (): void => {};
  #greeted = false;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    this.protocol = socket.protocol;
    socket.on("message", (data, isBinary) => {
      if (isBinary) throw new Error("the contract knows no binary frame from a room");
      const text = String(data);
      if (!this.#greeted && text === '{"type":"pong"}') this.#greeted = true;
      else this.#take(text);
    });
    socket.on("close", (code, reason) => this.#take({ code, reason: String(reason) }));
    // Until the client has sent something, workerd keeps the TCP connection of a socket that a
    // hibernating room has closed; one ping lets a close be seen at once.
    socket.send('{"type":"ping"}', () => {});
  }

  /** Resolves at the 101, which a refused upgrade gets as well. */
  static async open(url: string, how?: Connection): Promise<Socket> {
    const socket = dial(url, how);
    const opened = Promise.withResolvers<Socket>();
    // Made in the same turn as `open`: what comes in the same packet as the 101 is heard.
    socket.once("open", () => opened.resolve(new Socket(socket)));
    socket.once("error", opened.reject);
    return opened.promise;
  }

  send(frame: object | string | Uint8Array): void {
    this.#socket.send(
      typeof frame === "string" || frame instanceof Uint8Array ? frame : JSON.stringify(frame),
    );
  }

  /** The next frame, in the order of the wire; a close instead of it is an error. */
  async next(patience = PATIENCE_MS): Promise<Frame> {
    const next = await this.#next("a frame", patience);
    if (typeof next !== "string")
      throw new Error(`closed with ${next.code} ${next.reason} instead of a frame`);
    this.text = next;
    return JSON.parse(next);
  }

  /** The next frame of that type; what comes before it is dropped. */
  async until(type: string, matches: (frame: Frame) => boolean = () => true): Promise<Frame> {
    for (;;) {
      const frame = await this.next();
      if (frame.type === type && matches(frame)) return frame;
    }
  }

  /** The close that must be next; a frame instead of it is an error. */
  async closed(patience = PATIENCE_MS): Promise<Closing> {
    const next = await this.#next("a close", patience);
    if (typeof next === "string") throw new Error(`heard ${next.slice(0, 500)} instead of a close`);
    return next;
  }

  /** The text of the next frame, or the close. */
  frameOrClose(patience = PATIENCE_MS): Promise<string | Closing> {
    return this.#next("a frame or a close", patience);
  }

  close(code = 1000): void {
    this.#socket.close(code);
  }

  closeWithoutCode(): void {
    this.#socket.close();
  }

  /** Goes without a word, as a phone in a tunnel does. */
  drop(): void {
    this.#socket.terminate();
  }

  #take(heard: string | Closing): void {
    this.#inbox.push(heard);
    this.#wake();
  }

  async #next(awaited: string, patience = PATIENCE_MS): Promise<string | Closing> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => late.reject(new Error(`waited ${patience} ms for ${awaited}`)),
      patience,
    );
    try {
      while (this.#inbox.length === 0) {
        const woken = Promise.withResolvers<void>();
        this.#wake = woken.resolve;
        await Promise.race([woken.promise, late.promise]);
      }
    } finally {
      clearTimeout(timer);
    }
    return this.#inbox.shift() as string | Closing;
  }
}
