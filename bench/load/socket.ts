/**
 * A WebSocket client that costs next to nothing: one buffer for all sockets of a thread, frames
 * looked at where they lie, no copy but of what comes in pieces. It takes what servers of the
 * benchmark send (whole unmasked text frames), and refuses anything else.
 */
import { type Socket as TcpSocket, connect } from "node:net";
import { CLOSE, PING, PONG, TEXT, UPGRADE, frame, request } from "../../tests/edge/wire.ts";
import type { Client, Conversation, Dialect } from "../peers/dialect.ts";

const shared = Buffer.allocUnsafeSlow(1 << 20);
const SEEN_BYTES = 1 << 18;

/** What becomes of a socket's frames. */
export interface Listener {
  /** A frame of text lies in `buffer`, until this returns. */
  frame(socket: Socket, buffer: Buffer, start: number, end: number): void;
  entered(socket: Socket): void;
  /** It was closed, but not by this side. */
  lost(socket: Socket, why: string): void;
}

export class Socket implements Conversation {
  session = "";
  /** The number of the newest event. */
  had: number;
  readonly client: Client;
  readonly #tcp: TcpSocket;
  readonly #dialect: Dialect;
  readonly #listener: Listener;
  /** Bytes of events that the server has not been told of. */
  #unseen = 0;
  #open = false;
  #ended = false;
  /** A frame, or the answer to the upgrade, of which a part has come. */
  #part: Buffer | undefined;
  #filled = 0;

  constructor(port: number, dialect: Dialect, client: Client, listener: Listener) {
    this.client = client;
    this.had = client.had ?? 0;
    this.#dialect = dialect;
    this.#listener = listener;
    const onread = { buffer: shared, callback: (n: number) => (this.#take(shared, n), true) };
    this.#tcp = connect({ port, host: "127.0.0.1", noDelay: true, onread });
    this.#tcp.on("error", ({ message }) => this.#lost(message));
    this.#tcp.on("close", () => this.#lost("the connection was closed"));
    const { path, headers = {} } = dialect.upgrade(client);
    this.#tcp.write(request(port, { path, headers: { ...UPGRADE, ...headers } }));
  }

  /** Queued in this turn, written at its end in one go. */
  send(text: string): void {
    this.#tcp.cork();
    this.#tcp.write(frame(TEXT, text));
    process.nextTick(uncork, this.#tcp);
  }

  entered(): void {
    this.#listener.entered(this);
  }

  /** What has gone over the wire, both ways. */
  get bytes(): number {
    return this.#tcp.bytesRead + this.#tcp.bytesWritten;
  }

  beat(): void {
    if (this.#dialect.heartbeat !== undefined) this.send(this.#dialect.heartbeat);
  }

  /** Tells the server what was taken, as often as the client package does. */
  taken(bytes: number): void {
    this.#unseen += bytes;
    if (this.#unseen < SEEN_BYTES || !this.#dialect.seen) return;
    this.#unseen = 0;
    this.send(this.#dialect.seen(this.had));
  }

  /** Nothing more is read; what the server sends stays with it. */
  standStill(): void {
    this.#tcp.pause();
  }

  /** Goes without a word, as a phone in a tunnel does. */
  drop(): void {
    this.#ended = true;
    this.#tcp.destroy();
  }

  #lost(why: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#listener.lost(this, why);
  }

  #take(chunk: Buffer, end: number): void {
    let at = 0;
    while (at < end && !this.#ended) {
      if (this.#part) at += this.#complete(chunk, at, end);
      else at += this.#open ? this.#frames(chunk, at, end) : this.#answer(chunk, at, end);
    }
  }

  /** Goes on with what has come in part; answers how many bytes of the chunk belong to it. */
  #complete(chunk: Buffer, at: number, end: number): number {
    const part = this.#part!;
    if (!this.#open || this.#filled < 10) {
      // The size is not known yet: byte by byte is rare enough.
      const whole = Buffer.concat([part.subarray(0, this.#filled), chunk.subarray(at, end)]);
      const before = this.#filled;
      this.#part = undefined;
      const used = this.#open
        ? this.#frames(whole, 0, whole.length)
        : this.#answer(whole, 0, whole.length);
      return used === whole.length ? end - at : used - before;
    }
    const taken = Math.min(part.length - this.#filled, end - at);
    chunk.copy(part, this.#filled, at, at + taken);
    this.#filled += taken;
    if (this.#filled === part.length) {
      this.#part = undefined;
      this.#frames(part, 0, part.length);
    }
    return taken;
  }

  #keep(chunk: Buffer, start: number, end: number, size: number): number {
    this.#part = Buffer.allocUnsafeSlow(Math.max(size, end - start));
    this.#filled = chunk.copy(this.#part, 0, start, end);
    return end - start;
  }

  #answer(chunk: Buffer, start: number, end: number): number {
    const last = chunk.subarray(start, end).indexOf("\r\n\r\n");
    if (last < 0) return this.#keep(chunk, start, end, 0);
    const status = chunk.toString("latin1", start + 9, start + 12);
    if (status !== "101") {
      this.#lost(`the upgrade was answered: ${chunk.toString("latin1", start, end).slice(0, 400)}`);
      return end - start;
    }
    this.#open = true;
    if (this.#dialect.silent) this.entered();
    return last + 4;
  }

  #frames(chunk: Buffer, start: number, end: number): number {
    let at = start;
    while (at < end) {
      const known = end - at;
      const short = known < 2 ? 0 : chunk[at + 1]!;
      const head = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (known < head) return this.#keep(chunk, at, end, 0) + at - start;
      const length =
        short < 126
          ? short
          : short === 126
            ? chunk.readUInt16BE(at + 2)
            : Number(chunk.readBigUInt64BE(at + 2));
      const from = at + head;
      const to = from + length;
      if (to > end) return this.#keep(chunk, at, end, to - at) + at - start;
      this.#frame(chunk[at]!, chunk, from, to);
      at = to;
      if (this.#ended) return end - start;
    }
    return at - start;
  }

  #frame(kind: number, buffer: Buffer, start: number, end: number): void {
    if (kind === TEXT) return this.#listener.frame(this, buffer, start, end);
    if (kind === PING) return void this.#tcp.write(frame(PONG));
    if (kind === CLOSE) {
      const why = `${buffer.readUInt16BE(start)} ${buffer.toString("utf8", start + 2, end)}`;
      this.#lost(`closed with ${why}`);
      this.#tcp.destroy();
    } else if (kind !== PONG) this.#lost(`a frame of kind ${kind}`);
  }

  hear(text: string): void {
    this.#dialect.hear(text, this, this.client);
  }
}

const uncork = (tcp: TcpSocket): void => tcp.uncork();
