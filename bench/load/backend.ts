/**
 * A backend that publishes over HTTP and uses little CPU. The backend sends one request at a time,
 * over one connection.
 */
import { type Socket, connect } from "node:net";
import { request } from "../../tests/edge/wire.ts";
import type { Post, Target } from "../peers/dialect.ts";
import { dialects } from "../peers/dialects.ts";

const END_OF_HEAD = "\r\n\r\n";
const END_OF_CHUNKS = "0\r\n\r\n";

export class Backend {
  readonly #target: Target;
  #tcp: Socket | undefined;
  #received = "";
  #response = Promise.withResolvers<string>();

  constructor(target: Target) {
    this.#target = target;
  }

  /** Returns the request that publishes these events. The request can be sent many times. */
  request(room: string, events: string[]): Post {
    return dialects[this.#target.dialect].post(room, events);
  }

  /** Publishes events in one request. Resolves with the body of the response. */
  publish(room: string, events: string[]): Promise<string> {
    return this.send(this.request(room, events));
  }

  /** Sends a request. Resolves with the body of the response when the whole body has arrived. */
  send(post: Post): Promise<string> {
    this.#response = Promise.withResolvers();
    this.#tcp ??= this.#connect();
    this.#tcp.write(request(this.#target.port, { method: "POST", ...post }));
    return this.#response.promise;
  }

  close(): void {
    this.#tcp?.destroy();
    this.#tcp = undefined;
  }

  #connect(): Socket {
    const tcp = connect({ port: this.#target.port, host: "127.0.0.1", noDelay: true });
    tcp.setEncoding("latin1");
    tcp.on("data", (text: string) => this.#onData(text));
    tcp.on("error", (error) => this.#response.reject(error));
    tcp.on("close", () => {
      if (tcp === this.#tcp) this.#response.reject(new Error("the server closed the connection"));
    });
    return tcp;
  }

  #onData(text: string): void {
    this.#received += text;
    const end = this.#received.indexOf(END_OF_HEAD);
    if (end < 0) return;
    const head = this.#received.slice(0, end);
    const body = this.#received.slice(end + END_OF_HEAD.length);
    const length = /^content-length: (\d+)$/im.exec(head)?.[1];
    if (length === undefined ? !body.endsWith(END_OF_CHUNKS) : body.length < Number(length)) return;
    this.#received = "";
    // Sockudo closes the connection after each request.
    if (/^connection: close$/im.test(head)) this.close();
    if (/^HTTP\/1.1 20[0-9]/.test(head)) this.#response.resolve(body);
    else this.#response.reject(new Error(`${head}\n\n${body}`.slice(0, 500)));
  }
}
