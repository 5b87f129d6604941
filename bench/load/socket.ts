/**
 * A WebSocket client that uses very little CPU. All sockets of a thread share one read buffer, and
 * frames are parsed in it. Only a frame that arrives in several pieces is copied. The client
 * accepts only the frames that the benchmark's servers send: unfragmented, unmasked text frames,
 * pings, pongs and Close frames.
 */
import { type Socket as TcpSocket, connect } from "node:net";
import { CLOSE, PING, PONG, TEXT, UPGRADE, frame, request } from "../../tests/edge/wire.ts";
import type { Client, DialectSocket, Dialect } from "../peers/dialect.ts";

const shared = Buffer.allocUnsafeSlow(1 << 20);
const SEEN_BYTES = 1 << 18;

/** Callbacks of a socket. */
export interface SocketListener {
  /**
   * Called with a text frame. The frame's bytes in `buffer` are valid only until `onFrame` returns.
   */
  onFrame(socket: Socket, buffer: Buffer, start: number, end: number): void;
  onJoined(socket: Socket): void;
  /** Called when the socket fails, or when the server closes the socket. */
  onLost(socket: Socket, why: string): void;
}

export class Socket implements DialectSocket {
  session = "";
  /** Number of the newest event received. */
  lastReceived: number;
  readonly client: Client;
  readonly #tcp: TcpSocket;
  readonly #dialect: Dialect;
  readonly #listener: SocketListener;
  /** Number of bytes of events received since the last `seen` frame. */
  #unseen = 0;
  #open = false;
  #ended = false;
  /** Buffer for incomplete data: the start of a frame, or of the response to the upgrade. */
  #part: Buffer | undefined;
  #filled = 0;

  constructor(port: number, dialect: Dialect, client: Client, listener: SocketListener) {
    this.client = client;
    this.lastReceived = client.lastReceived ?? 0;
    this.#dialect = dialect;
    this.#listener = listener;
    const onread = { buffer: shared, callback: (n: number) => (this.#onBytes(shared, n), true) };
    this.#tcp = connect({ port, host: "127.0.0.1", noDelay: true, onread });
    this.#tcp.on("error", ({ message }) => this.#fail(message));
    this.#tcp.on("close", () => this.#fail("the connection was closed"));
    const { path, headers = {} } = dialect.upgrade(client);
    this.#tcp.write(request(port, { path, headers: { ...UPGRADE, ...headers } }));
  }

  /** Queues a frame. All frames that are queued before the next tick are written together. */
  send(text: string): void {
    this.#tcp.cork();
    this.#tcp.write(frame(TEXT, text));
    process.nextTick(uncork, this.#tcp);
  }

  joined(): void {
    this.#listener.onJoined(this);
  }

  /** Bytes sent and received. */
  get bytes(): number {
    return this.#tcp.bytesRead + this.#tcp.bytesWritten;
  }

  sendHeartbeat(): void {
    if (this.#dialect.heartbeat !== undefined) this.send(this.#dialect.heartbeat);
  }

  /** Counts received bytes, and sends a `seen` frame as often as the client package does. */
  acknowledge(bytes: number): void {
    this.#unseen += bytes;
    if (this.#unseen < SEEN_BYTES || !this.#dialect.seen) return;
    this.#unseen = 0;
    this.send(this.#dialect.seen(this.lastReceived));
  }

  /** Stops reading, so that the server's data stays in the server's buffers. */
  pause(): void {
    this.#tcp.pause();
  }

  /** Closes the TCP connection without a Close frame. */
  terminate(): void {
    this.#ended = true;
    this.#tcp.destroy();
  }

  handleControlFrame(text: string): void {
    this.#dialect.onControlFrame(text, this, this.client);
  }

  #fail(why: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#listener.onLost(this, why);
  }

  #onBytes(chunk: Buffer, end: number): void {
    let at = 0;
    while (at < end && !this.#ended) {
      if (this.#part) at += this.#fillPart(chunk, at, end);
      else at += this.#open ? this.#readFrames(chunk, at, end) : this.#readHead(chunk, at, end);
    }
  }

  // Each method below consumes bytes of the chunk, starting at `at` or `start`, and returns their
  // number.

  /** Adds the chunk to an incomplete frame, or to an incomplete response to the upgrade. */
  #fillPart(chunk: Buffer, at: number, end: number): number {
    const part = this.#part!;
    if (!this.#open || this.#filled < 10) {
      // The size of the incomplete data is not known yet. This case is rare, so the code simply
      // parses the incomplete data again, together with the whole chunk.
      const whole = Buffer.concat([part.subarray(0, this.#filled), chunk.subarray(at, end)]);
      const before = this.#filled;
      this.#part = undefined;
      const used = this.#open
        ? this.#readFrames(whole, 0, whole.length)
        : this.#readHead(whole, 0, whole.length);
      return used === whole.length ? end - at : used - before;
    }
    const copied = Math.min(part.length - this.#filled, end - at);
    chunk.copy(part, this.#filled, at, at + copied);
    this.#filled += copied;
    if (this.#filled === part.length) {
      this.#part = undefined;
      this.#readFrames(part, 0, part.length);
    }
    return copied;
  }

  /**
   * Copies the chunk's bytes from `start` into a buffer for `size` bytes. A `size` of 0 means that
   * the size is not known yet.
   */
  #storePart(chunk: Buffer, start: number, end: number, size: number): number {
    this.#part = Buffer.allocUnsafeSlow(Math.max(size, end - start));
    this.#filled = chunk.copy(this.#part, 0, start, end);
    return end - start;
  }

  /** Reads the head of the response to the upgrade. */
  #readHead(chunk: Buffer, start: number, end: number): number {
    const last = chunk.subarray(start, end).indexOf("\r\n\r\n");
    if (last < 0) return this.#storePart(chunk, start, end, 0);
    const status = chunk.toString("latin1", start + 9, start + 12);
    if (status !== "101") {
      const head = chunk.toString("latin1", start, end).slice(0, 400);
      this.#fail(`the upgrade was rejected: ${head}`);
      return end - start;
    }
    this.#open = true;
    if (this.#dialect.joinsOnOpen) this.joined();
    return last + 4;
  }

  #readFrames(chunk: Buffer, start: number, end: number): number {
    let at = start;
    while (at < end) {
      const known = end - at;
      const short = known < 2 ? 0 : chunk[at + 1]!;
      const head = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (known < head) return this.#storePart(chunk, at, end, 0) + at - start;
      const length =
        short < 126
          ? short
          : short === 126
            ? chunk.readUInt16BE(at + 2)
            : Number(chunk.readBigUInt64BE(at + 2));
      const from = at + head;
      const to = from + length;
      if (to > end) return this.#storePart(chunk, at, end, to - at) + at - start;
      this.#onFrame(chunk[at]!, chunk, from, to);
      at = to;
      if (this.#ended) return end - start;
    }
    return at - start;
  }

  #onFrame(kind: number, buffer: Buffer, start: number, end: number): void {
    if (kind === TEXT) return this.#listener.onFrame(this, buffer, start, end);
    if (kind === PING) return void this.#tcp.write(frame(PONG));
    if (kind === CLOSE) {
      const why = `${buffer.readUInt16BE(start)} ${buffer.toString("utf8", start + 2, end)}`;
      this.#fail(`closed with ${why}`);
      this.#tcp.destroy();
    } else if (kind !== PONG) this.#fail(`received an unsupported frame of kind ${kind}`);
  }
}

const uncork = (tcp: TcpSocket): void => tcp.uncork();
