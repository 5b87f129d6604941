/** An HTTP proxy like the proxies that some networks put between a page and its server. */
import { createServer, request, type IncomingMessage, type ServerResponse } from "node:http";
import { connect, type AddressInfo } from "node:net";
import type { Duplex } from "node:stream";

/** Action on a WebSocket upgrade: reject it with a status, close the connection, or forward it. */
export type Upgrades = 400 | 426 | "close" | "pass";

export class Middlebox {
  upgrades: Upgrades = "pass";
  /** Delays every response until it is complete. */
  buffering = false;
  readonly #target: () => URL;
  readonly #server = createServer((from, to) => this.#forward(from, to));
  readonly #sockets = new Set<Duplex>();

  /** Calls `target` for each request, because the runtime's port may change at a restart. */
  constructor(target: () => URL) {
    this.#target = target;
    this.#server.on("connection", (socket) => this.#track(socket));
    this.#server.on("upgrade", (from, socket, head) => this.#upgrade(from, socket, head));
  }

  async start(): Promise<URL> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return new URL(`http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`);
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.cut();
    await closed;
  }

  /** Breaks all connections through the proxy. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #track(socket: Duplex): void {
    this.#sockets.add(socket);
    socket.on("error", () => {}); // A close follows.
    socket.on("close", () => this.#sockets.delete(socket));
  }

  #forward(from: IncomingMessage, to: ServerResponse): void {
    const { method, headers } = from;
    const url = new URL(from.url!, this.#target());
    const upstream = request(url, { method, headers, agent: false }, async (answer) => {
      const buffered: Buffer[] = [];
      const writeHead = (): void => void to.writeHead(answer.statusCode!, answer.headers);
      try {
        if (!this.buffering) writeHead();
        for await (const bytes of answer) {
          if (to.headersSent) to.write(bytes);
          else buffered.push(bytes as Buffer);
        }
        if (!to.headersSent) writeHead();
        to.end(Buffer.concat(buffered));
      } catch {
        to.destroy();
      }
    });
    upstream.on("error", () => to.destroy());
    to.on("close", () => upstream.destroy());
    from.pipe(upstream);
  }

  #upgrade(from: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (this.upgrades === "close") return void socket.destroy();
    if (this.upgrades !== "pass") {
      return void socket.end(`HTTP/1.1 ${this.upgrades} No\r\nconnection: close\r\n\r\n`);
    }
    const { hostname, port } = this.#target();
    const upstream = connect(Number(port), hostname);
    this.#track(upstream);
    const headers = from.rawHeaders.map((text, n) => (n % 2 === 0 ? `${text}: ` : `${text}\r\n`));
    upstream.write(`GET ${from.url} HTTP/1.1\r\n${headers.join("")}\r\n`);
    upstream.write(head);
    socket.pipe(upstream).pipe(socket);
    socket.on("close", () => upstream.destroy());
    upstream.on("close", () => socket.destroy());
  }
}
