/** Counts the events that come over a connection, whatever they come in: each has one mark. */
import { type Socket, connect } from "node:net";

const MARK = "#".charCodeAt(0);

export class Reader {
  events = 0;
  readonly #tcp: Socket;
  #awaited: { text: string; times: number; done: () => void } | undefined;
  /** The end of what came, in which what is awaited may have begun. */
  #tail = "";

  /** Sends a request and whatever is to follow it. */
  constructor(port: number, request: string | Uint8Array) {
    this.#tcp = connect({ port, host: "127.0.0.1", noDelay: true });
    this.#tcp.on("error", () => {}); // Whoever waits for events is told by a time limit.
    this.#tcp.write(request);
    this.#tcp.on("data", (chunk) => this.#take(chunk));
  }

  /** Resolves when this text has come so many times. */
  async heard(text: string, times: number): Promise<void> {
    const { promise, resolve: done } = Promise.withResolvers<void>();
    this.#awaited = { text, times, done };
    await promise;
  }

  send(frame: Uint8Array): void {
    this.#tcp.write(frame);
  }

  drop(): void {
    this.#tcp.destroy();
  }

  #take(chunk: Buffer): void {
    for (let at = -1; (at = chunk.indexOf(MARK, at + 1)) >= 0;) this.events += 1;
    const awaited = this.#awaited;
    if (!awaited) return;
    const heard = this.#tail + chunk.toString("latin1");
    awaited.times -= heard.split(awaited.text).length - 1;
    this.#tail = heard.slice(1 - awaited.text.length);
    if (awaited.times <= 0) awaited.done();
  }
}
