/** A TCP proxy that breaks connections the way networks do. */
import { setTimeout as sleep } from "node:timers/promises";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

/** One connection through the proxy: two sockets and what passes between them. */
export class Link {
  readonly #client: Socket;
  readonly #server: Socket;
  /** The proxy need not think of it any more. */
  readonly #gone: () => void;
  #frozen = false;
  /** How long what passes is held back, in ms, in either direction. */
  delayMs = 0;

  constructor(client: Socket, server: Socket, gone: () => void) {
    this.#client = client;
    this.#server = server;
    this.#gone = gone;
    this.#pass(client, server);
    this.#pass(server, client);
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on("error", () => {});
      socket.on("close", gone);
    }
  }

  #pass(from: Socket, to: Socket): void {
    // One after the other: however long one is held back, none overtakes it.
    let last = Promise.resolve();
    from.on("data", (bytes) => {
      const arrivesAt = Date.now() + Math.random() * this.delayMs;
      last = last.then(async () => {
        if (arrivesAt > Date.now()) await sleep(arrivesAt - Date.now());
        if (!this.#frozen && to.writable) to.write(bytes);
      });
    });
    // Nobody hears of the end of a connection that is frozen.
    from.on("close", () => void last.then(() => this.#frozen || to.end()));
  }

  /** Both sides learn of it; what was under way is lost. */
  cut(): void {
    this.#gone();
    this.#client.resetAndDestroy();
    this.#server.resetAndDestroy();
  }

  /** Neither side learns of it: nothing passes, nothing is read, and both sockets stay open. */
  freeze(): void {
    this.#stop();
  }

  /** The server finds nobody at the other end any more; the client still knows nothing. */
  halfOpen(): void {
    this.#stop();
    this.#server.resetAndDestroy();
  }

  #stop(): void {
    this.#frozen = true;
    this.#client.pause();
    this.#server.pause();
    this.#gone();
  }
}

export class Proxy {
  readonly links = new Set<Link>();
  readonly #all = new Set<Link>();
  readonly #listener: Server;
  /** Of a connection that is made from now on. */
  delayMs = 0;
  #refusing = false;
  accepted = 0;

  /** `target` is asked for each connection: a runtime may come back at another port. */
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
