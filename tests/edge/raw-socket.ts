/**
 * A WebSocket client on a plain TCP socket. The client answers no frames, not even a Close frame.
 */
import { once } from "node:events";
import { type Socket as TcpSocket, connect } from "node:net";
import type { Runtime } from "./runtime.ts";
import { CLOSE, UPGRADE, request } from "./wire.ts";

export class RawSocket {
  readonly #socket: TcpSocket;
  #bytes = Buffer.alloc(0);

  private constructor(socket: TcpSocket) {
    this.#socket = socket;
    socket.on("data", (data) => {
      this.#bytes = Buffer.concat([this.#bytes, data]);
      socket.emit("more");
    });
    socket.on("error", () => {});
  }

  /** Connects and sends the request for the upgrade. Does not wait for the response. */
  static async upgrade(runtime: Runtime, path: string, token?: string): Promise<RawSocket> {
    const { port } = new URL(runtime.url);
    const socket = connect(Number(port), "127.0.0.1");
    await once(socket, "connect");
    const raw = new RawSocket(socket);
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    socket.write(request(Number(port), { path, headers: { ...UPGRADE, ...headers } }));
    return raw;
  }

  /**
   * Waits for the first frame, which must be a Close frame, and returns its code. Does not answer
   * the frame.
   */
  async closeCode(): Promise<number> {
    for (;;) {
      const end = this.#bytes.indexOf("\r\n\r\n");
      const frame = end < 0 ? this.#bytes.subarray(0, 0) : this.#bytes.subarray(end + 4);
      if (frame.length >= 4) {
        if (frame[0] !== CLOSE) throw new Error(`the first frame is of kind ${frame[0]}`);
        return frame.readUInt16BE(2);
      }
      await once(this.#socket, "more");
    }
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
