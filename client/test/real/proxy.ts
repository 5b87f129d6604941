/** A TCP proxy that breaks connections as real networks do. */
import { setTimeout as sleep } from "node:timers/promises";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

/** A connection through the proxy: two sockets and the bytes between them. */
export class Link {
  readonly #client: Socket;
  readonly #server: Socket;
  /** Called when the link carries no more data. */
  readonly #onClosed: () => void;
  #frozen = false;
  /** Longest delay of a chunk in either direction, in ms. */
  delayMs = 0;

  constructor(client: Socket, server: Socket, onClosed: () => void) {
    this.#client = client;
    this.#server = server;
    this.#onClosed = onClosed;
    this.#forward(client, server);
    this.#forward(server, client);
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on("error", () => {});
      socket.on("close", onClosed);
    }
  }

  #forward(from: Socket, to: Socket): void {
    // Chunks are written one after the other, so that a chunk with a shorter delay never overtakes
    // another chunk.
    let last = Promise.resolve();
    from.on("data", (bytes) => {
      const arrivesAt = Date.now() + Math.random() * this.delayMs;
      last = last.then(async () => {
        if (arrivesAt > Date.now()) await sleep(arrivesAt - Date.now());
        if (!this.#frozen && to.writable) to.write(bytes);
      });
    });
    // The end of a frozen connection is not forwarded.
    from.on("close", () => void last.then(() => this.#frozen || to.end()));
  }

  /** Resets both sockets, so that both sides detect the break. Data in transit is lost. */
  cut(): void {
    this.#onClosed();
    this.#client.resetAndDestroy();
    this.#server.resetAndDestroy();
  }

  /** Stops all data while both sockets stay open, so that neither side detects the fault. */
  freeze(): void {
    this.#stop();
  }

  /** Resets only the server's socket, so that the client does not detect the reset. */
  halfOpen(): void {
    this.#stop();
    this.#server.resetAndDestroy();
  }

  #stop(): void {
    this.#frozen = true;
    this.#client.pause();
    this.#server.pause();
    this.#onClosed();
  }
}

export class Proxy {
  readonly links = new Set<Link>();
  readonly #all = new Set<Link>();
  readonly #listener: Server;
  /** Delay of new connections, in ms. */
  delayMs = 0;
  #refusing = false;
  accepted = 0;

  /** Calls `target` for each connection, because the runtime's port may change at a restart. */
  constructor(target: () => URL) {
    this.#listener = createServer((client) => {
      if (this.#refusing) {
        client.resetAndDestroy();
        return;
      }
      this.accepted++;
      const { hostname, port } = target();
      const link = new Link(client, connect(Number(port), hostname), () => this.links.delete(link));
      link.delayMs = this.delayMs;
      this.links.add(link);
      this.#all.add(link);
    });
  }

  async start(): Promise<URL> {
    await new Promise<void>((resolve) => this.#listener.listen(0, "127.0.0.1", resolve));
    return new URL(`http://127.0.0.1:${(this.#listener.address() as AddressInfo).port}`);
  }

  async stop(): Promise<void> {
    this.#refusing = true;
    for (const link of this.#all) link.cut();
    await new Promise((resolve) => this.#listener.close(resolve));
  }
}
