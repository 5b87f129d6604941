/**
 * A test client without any logic, which sends and receives the frames and close codes of the
 * protocol. The test client does not use the client package, so that an error in the package can't
 * hide an error in the server.
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

/** A frame whose fields are not typed, because each test checks the fields that it expects. */
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
  /** Whether the first frame is a ping, which a server of Pusher's protocol would not understand. */
  pings?: boolean | undefined;
}

/**
 * Maximum wait for a frame or a close, long enough for a busy machine. A test that passes never
 * waits this long.
 */
const TIMEOUT_MS = 30_000;

/**
 * Opens a WebSocket to `url`. A listener receives every frame if it is added in the same turn of
 * the event loop as this call.
 */
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
  socket.on("error", () => {}); // A close event with more details follows.
  return socket;
}

export class Socket {
  /** The subprotocol that the server selected. */
  readonly protocol: string;
  /** Text of the frame that `next` returned last, for tests that check bytes. */
  text = "";
  readonly #socket: WebSocket;
  readonly #inbox: (string | Closing)[] = [];
  #notify = (): void => {};
  #hasPong = false;

  private constructor(socket: WebSocket, pings: boolean) {
    this.#socket = socket;
    this.protocol = socket.protocol;
    socket.on("message", (data, isBinary) => {
      if (isBinary) throw new Error("a room never sends binary frames");
      const text = String(data);
      if (!this.#hasPong && text === '{"type":"pong"}') this.#hasPong = true;
      else this.#push(text);
    });
    socket.on("close", (code, reason) => this.#push({ code, reason: String(reason) }));
    // If a hibernating room closes a socket, workerd does not close the TCP connection until the
    // client has sent a frame. If the client has already sent a ping, the close arrives
    // immediately.
    if (pings) socket.send('{"type":"ping"}', () => {});
  }

  /**
   * Resolves when the upgrade is answered with 101. The server also answers a rejected upgrade with
   * 101, and then closes the socket.
   */
  static async open(url: string, how?: Connection): Promise<Socket> {
    const socket = dial(url, how);
    const opened = Promise.withResolvers<Socket>();
    // The `Socket` is created in the listener of `open`. If it were created later, a frame in the
    // same packet as the 101 would be lost.
    socket.once("open", () => opened.resolve(new Socket(socket, how?.pings ?? true)));
    socket.once("error", opened.reject);
    return opened.promise;
  }

  send(frame: object | string | Uint8Array): void {
    this.#socket.send(
      typeof frame === "string" || frame instanceof Uint8Array ? frame : JSON.stringify(frame),
    );
  }

  /** Returns the next frame, in the order of arrival. Throws if the socket is closed instead. */
  async next(timeoutMs = TIMEOUT_MS): Promise<Frame> {
    const next = await this.#next("a frame", timeoutMs);
    if (typeof next !== "string")
      throw new Error(`closed with ${next.code} ${next.reason} instead of a frame`);
    this.text = next;
    return JSON.parse(next);
  }

  /** Returns the next frame of this type, and discards the frames before it. */
  async until(type: string, matches: (frame: Frame) => boolean = () => true): Promise<Frame> {
    for (;;) {
      const frame = await this.next();
      if (frame.type === type && matches(frame)) return frame;
    }
  }

  /** Waits until the socket is closed. Throws if a frame arrives before the close. */
  async closed(timeoutMs = TIMEOUT_MS): Promise<Closing> {
    const next = await this.#next("a close", timeoutMs);
    if (typeof next === "string")
      throw new Error(`received ${next.slice(0, 500)} instead of a close`);
    return next;
  }

  /** Returns the text of the next frame, or the close. */
  frameOrClose(timeoutMs = TIMEOUT_MS): Promise<string | Closing> {
    return this.#next("a frame or a close", timeoutMs);
  }

  close(code = 1000): void {
    this.#socket.close(code);
  }

  closeWithoutCode(): void {
    this.#socket.close();
  }

  /** Closes the TCP connection without a Close frame, like a client that loses its network. */
  drop(): void {
    this.#socket.terminate();
  }

  #push(received: string | Closing): void {
    this.#inbox.push(received);
    this.#notify();
  }

  async #next(awaited: string, timeoutMs: number): Promise<string | Closing> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => late.reject(new Error(`waited ${timeoutMs} ms for ${awaited}`)),
      timeoutMs,
    );
    try {
      while (this.#inbox.length === 0) {
        const pushed = Promise.withResolvers<void>();
        this.#notify = pushed.resolve;
        await Promise.race([pushed.promise, late.promise]);
      }
    } finally {
      clearTimeout(timer);
    }
    return this.#inbox.shift() as string | Closing;
  }
}
