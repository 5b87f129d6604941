/**
 * Counts the events that arrive on a connection, in any format. Searches for the character `#`,
 * which each event contains exactly once.
 */
import { type Socket, connect } from "node:net";

const MARK = "#".charCodeAt(0);

export class Reader {
  events = 0;
  readonly #tcp: Socket;
  #awaited: { text: string; times: number; done: () => void } | undefined;
  /** Last characters of the received text. They may be the start of the awaited text. */
  #tail = "";

  /** Connects and sends a request. */
  constructor(port: number, request: string | Uint8Array) {
    this.#tcp = connect({ port, host: "127.0.0.1", noDelay: true });
    this.#tcp.on("error", () => {}); // No more events arrive, so the time limit fails the run.
    this.#tcp.write(request);
    this.#tcp.on("data", (chunk) => this.#onData(chunk));
  }

  /** Resolves when this text has been received `times` times. */
  async waitFor(text: string, times: number): Promise<void> {
    const { promise, resolve: done } = Promise.withResolvers<void>();
    this.#awaited = { text, times, done };
    await promise;
  }

  send(frame: Uint8Array): void {
    this.#tcp.write(frame);
  }

  close(): void {
    this.#tcp.destroy();
  }

  #onData(chunk: Buffer): void {
    for (let at = -1; (at = chunk.indexOf(MARK, at + 1)) >= 0;) this.events += 1;
    const awaited = this.#awaited;
    if (!awaited) return;
    const received = this.#tail + chunk.toString("latin1");
    awaited.times -= received.split(awaited.text).length - 1;
    this.#tail = received.slice(1 - awaited.text.length);
    if (awaited.times <= 0) awaited.done();
  }
}
