/** A backend that publishes over HTTP: one connection, one request at a time, as cheap as it can be. */
import { type Socket, connect } from "node:net";
import type { Post } from "./dialect.ts";
import { request } from "./wire.ts";

const END_OF_HEAD = "\r\n\r\n";
const END_OF_CHUNKS = "0\r\n\r\n";

export class Backend {
  readonly #port: number;
  readonly #tcp: Socket;
  #heard = "";
  #awaited: PromiseWithResolvers<string> | undefined;

  constructor(port: number) {
    this.#port = port;
    this.#tcp = connect({ port, host: "127.0.0.1", noDelay: true });
    this.#tcp.setEncoding("latin1");
    this.#tcp.on("data", (text: string) => this.#take(text));
    this.#tcp.on("error", (error) => this.#awaited?.reject(error));
    this.#tcp.on("close", () => this.#awaited?.reject(new Error("the server hung up")));
  }

  /** Resolves with the body of the answer, when all of it has come. */
  async post(post: Post): Promise<string> {
    this.#awaited = Promise.withResolvers();
    this.#tcp.write(request(this.#port, { method: "POST", ...post }));
    return this.#awaited.promise;
  }

  end(): void {
    this.#awaited = undefined;
    this.#tcp.destroy();
  }

  #take(text: string): void {
    this.#heard += text;
    const head = this.#heard.indexOf(END_OF_HEAD);
    if (head < 0) return;
    const body = this.#heard.slice(head + END_OF_HEAD.length);
    const length = /\r\ncontent-length: (\d+)/i.exec(this.#heard.slice(0, head + 2))?.[1];
    const whole =
      length === undefined ? body.endsWith(END_OF_CHUNKS) : body.length >= Number(length);
    if (!whole) return;
    const heard = this.#heard;
    this.#heard = "";
    if (/^HTTP\/1.1 20[0-9]/.test(heard)) this.#awaited?.resolve(body);
    else this.#awaited?.reject(new Error(heard.slice(0, 500)));
  }
}
