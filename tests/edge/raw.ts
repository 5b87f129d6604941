/** A WebSocket at the level of TCP, whose peer answers nothing that it is not told to answer. */
import { once } from "node:events";
import { type Socket as TcpSocket, connect } from "node:net";
import type { Runtime } from "./runtime.ts";
import { CLOSE, UPGRADE, request } from "./wire.ts";

export class Wire {
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

  /** Resolves when the request is on its way. */
  static async upgrade(runtime: Runtime, path: string, token?: string): Promise<Wire> {
    const { port } = new URL(runtime.url);
    const socket = connect(Number(port), "127.0.0.1");
    await once(socket, "connect");
    const wire = new Wire(socket);
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    socket.write(request(Number(port), { path, headers: { ...UPGRADE, ...headers } }));
    return wire;
  }

  /** The code of the Close frame, which must be the first frame, and which nobody answers. */
  async closeCode(): Promise<number> {
    for (;;) {
      const end = this.#bytes.indexOf("\r\n\r\n");
      const frame = end < 0 ? this.#bytes.subarray(0, 0) : this.#bytes.subarray(end + 4);
      if (frame.length >= 4) {
        if (frame[0] !== CLOSE) throw new Error(`a frame of kind ${frame[0]} came first`);
        return frame.readUInt16BE(2);
      }
      await once(this.#socket, "more");
    }
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
