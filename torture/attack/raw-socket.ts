/**
 * A minimal WebSocket on a TCP socket. This socket answers neither a Close nor a ping, and can send
 * any bytes. It parses only the first bytes of a received frame, so a process can have thousands of
 * these sockets.
 */
import { type Socket as Tcp, connect } from "node:net";
import { CLOSE, TEXT, UPGRADE, frame, request } from "../../tests/edge/wire.ts";

const END_OF_HEAD = "\r\n\r\n";

export class RawSocket {
  /** Resolves with the code of the received Close, or with 1006 if no Close was received. */
  readonly closed: Promise<number>;
  /** Number of received frames by their `type`. */
  readonly received = new Map<string, number>();
  readonly #tcp: Tcp;
  readonly #end: (code: number) => void;
  #rest: Buffer = Buffer.alloc(0);
  #isOpen = false;
  #drained = Promise.withResolvers<void>();
  #opened = Promise.withResolvers<void>();
  #awaited: { type: string; times: number; done: () => void } | undefined;

  private constructor(tcp: Tcp) {
    this.#tcp = tcp;
    const { promise, resolve } = Promise.withResolvers<number>();
    this.closed = promise;
    this.#end = resolve;
    tcp.on("data", (chunk) => this.#onData(chunk));
    tcp.on("error", () => {});
    tcp.on("drain", () => {
      this.#drained.resolve();
      this.#drained = Promise.withResolvers();
    });
    tcp.on("close", () => {
      resolve(1006);
      this.#drained.resolve();
      this.#opened.reject(new Error("the connection was closed before the 101"));
    });
  }

  /** Connects to the server at `url`. Resolves when the server has switched to WebSocket (101). */
  static async open(
    url: string,
    path: string,
    headers: Record<string, string> = {},
  ): Promise<RawSocket> {
    const { hostname, port } = new URL(url);
    const tcp = connect({ port: Number(port), host: hostname, noDelay: true });
    const socket = new RawSocket(tcp);
    socket.#opened.promise.catch(() => {});
    tcp.write(request(Number(port), { path, headers: { ...UPGRADE, ...headers } }));
    await socket.#opened.promise;
    return socket;
  }

  /** Number of received bytes. */
  get receivedBytes(): number {
    return this.#tcp.bytesRead;
  }

  send(text: string): void {
    this.write(frame(TEXT, text));
  }

  /**
   * Writes encoded frames. Returns `false` if some of the frames are still buffered in this
   * process.
   */
  write(frames: Uint8Array): boolean {
    return this.#tcp.write(frames);
  }

  /** Resolves when no data is buffered in this process, or when the connection has ended. */
  async drained(): Promise<void> {
    if (this.#tcp.writableNeedDrain) await this.#drained.promise;
  }

  pause(): void {
    this.#tcp.pause();
  }

  resume(): void {
    this.#tcp.resume();
  }

  /**
   * Resolves when a total of `times` frames of this type has been received. Rejects if a Close is
   * received before that.
   */
  async until(type: string, times = 1): Promise<void> {
    if ((this.received.get(type) ?? 0) >= times) return;
    const { promise, resolve: done } = Promise.withResolvers<void>();
    this.#awaited = { type, times, done };
    const closed = this.closed.then((code) => {
      throw new Error(`closed with ${code} instead of ${type}`);
    });
    await Promise.race([promise, closed]);
  }

  end(): void {
    this.#tcp.destroy();
  }

  #onData(chunk: Buffer): void {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    if (!this.#isOpen) {
      const head = bytes.indexOf(END_OF_HEAD);
      if (head < 0) return void (this.#rest = bytes);
      const status = bytes.toString("latin1", 9, 12);
      if (status !== "101") {
        this.#opened.reject(new Error(`the server answered the upgrade with ${status}`));
        return this.end();
      }
      this.#isOpen = true;
      this.#opened.resolve();
      bytes = bytes.subarray(head + END_OF_HEAD.length);
    }
    this.#rest = this.#readFrames(bytes);
  }

  /** Reads all complete frames, and returns the remaining bytes. */
  #readFrames(bytes: Buffer): Buffer {
    let at = 0;
    while (bytes.length - at >= 2) {
      const short = bytes[at + 1] ?? 0;
      const head = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (bytes.length - at < head) break;
      const length =
        short < 126
          ? short
          : short === 126
            ? bytes.readUInt16BE(at + 2)
            : Number(bytes.readBigUInt64BE(at + 2));
      if (bytes.length - at < head + length) break;
      this.#onFrame(bytes[at] ?? 0, bytes.subarray(at + head, at + head + length));
      at += head + length;
    }
    return bytes.subarray(at);
  }

  #onFrame(kind: number, payload: Buffer): void {
    if (kind === CLOSE) return this.#end(payload.length < 2 ? 1005 : payload.readUInt16BE(0));
    if (kind !== TEXT) return;
    const type = /^\{"type":"([a-z:]+)"/.exec(payload.toString("latin1", 0, 40))?.[1] ?? "";
    const times = (this.received.get(type) ?? 0) + 1;
    this.received.set(type, times);
    const awaited = this.#awaited;
    if (awaited?.type === type && times >= awaited.times) {
      this.#awaited = undefined;
      awaited.done();
    }
  }
}
