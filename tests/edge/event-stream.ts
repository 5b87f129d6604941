/**
 * A reader of Server-Sent Events as the HTML standard has it (9.2.6), over a socket of its own: so
 * that a test can read slowly, or go without a word.
 */
import { type IncomingMessage, get } from "node:http";

export interface Block {
  /** `message` where the block names no type. */
  event: string;
  data: string;
  /** The id that a reader would come back with: this block's, or the last before it. */
  lastEventId: string;
}

export interface Reading {
  token?: string | undefined;
  query?: string | undefined;
  lastEventId?: string | undefined;
  headers?: Record<string, string> | undefined;
}

const PATIENCE_MS = 30_000;

export class EventStream {
  readonly response: IncomingMessage;
  /** Also set by a block without data, which is no event. */
  lastEventId = "";
  /** Lines that begin with a colon. */
  comments = 0;
  /** Everything that was read. */
  text = "";
  readonly #decoder = new TextDecoder();
  readonly #blocks: Block[] = [];
  #line = "";
  #data: string[] = [];
  #event = "";
  #id: string | undefined;
  #over = false;
  #wake = (): void => {};

  private constructor(response: IncomingMessage) {
    this.response = response;
    response.on("data", (bytes: Buffer) => this.#read(bytes));
    response.on("error", () => {}); // A close follows.
    response.on("close", () => {
      this.#over = true;
      this.#wake();
    });
  }

  /** Resolves at the headers, whatever the status. */
  static async open(
    url: string,
    { token, query, lastEventId, headers = {} }: Reading = {},
  ): Promise<EventStream> {
    const opened = Promise.withResolvers<EventStream>();
    const request = get(
      url + (query ? `?${query}` : ""),
      {
        agent: false,
        headers: {
          accept: "text/event-stream",
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(lastEventId === undefined ? {} : { "last-event-id": lastEventId }),
          ...headers,
        },
      },
      (response) => opened.resolve(new EventStream(response)),
    );
    request.once("error", opened.reject);
    return opened.promise;
  }

  get status(): number | undefined {
    return this.response.statusCode;
  }

  /** The next event; `undefined` at the end of the stream. */
  async next(patience = PATIENCE_MS): Promise<Block | undefined> {
    await this.#until(() => this.#blocks.length > 0, "an event", patience);
    return this.#blocks.shift();
  }

  async nextJson(): Promise<any> {
    const block = await this.next();
    if (block === undefined) throw new Error("the stream ended instead of an event");
    return JSON.parse(block.data);
  }

  /** What was answered instead of a stream. */
  get raw(): any {
    return JSON.parse(this.text);
  }

  /** Until the stream has said where it is. */
  async positioned(): Promise<string> {
    await this.#until(() => this.lastEventId !== "", "an id", PATIENCE_MS);
    return this.lastEventId;
  }

  /** Until the stream ended; what it said is in `text`. */
  async ended(): Promise<void> {
    await this.#until(() => false, "the end", PATIENCE_MS);
  }

  async commented(count: number, patience: number): Promise<void> {
    await this.#until(() => this.comments >= count, "a comment", patience);
  }

  /** Goes without a word. */
  drop(): void {
    this.response.destroy();
  }

  #read(bytes: Buffer): void {
    const text = this.#decoder.decode(bytes, { stream: true });
    this.text += text;
    const lines = (this.#line + text).split(/\r\n|\r|\n/);
    this.#line = lines.pop() ?? "";
    for (const line of lines) this.#readLine(line);
    this.#wake();
  }

  #readLine(line: string): void {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    if (colon === 0) {
      this.comments += 1;
      return;
    }
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") this.#data.push(value);
    else if (field === "event") this.#event = value;
    else if (field === "id") this.#id = value;
    else if (this.status === 200) throw new Error(`a line that means nothing: ${line}`);
  }

  #dispatch(): void {
    if (this.#id !== undefined) this.lastEventId = this.#id;
    if (this.#data.length > 0) {
      const event = this.#event || "message";
      this.#blocks.push({ event, data: this.#data.join("\n"), lastEventId: this.lastEventId });
    }
    this.#data = [];
    this.#event = "";
    this.#id = undefined;
  }

  async #until(is: () => boolean, awaited: string, patience: number): Promise<void> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => late.reject(new Error(`waited ${patience} ms for ${awaited}`)),
      patience,
    );
    try {
      while (!is() && !this.#over) {
        const woken = Promise.withResolvers<void>();
        this.#wake = woken.resolve;
        await Promise.race([woken.promise, late.promise]);
      }
    } finally {
      clearTimeout(timer);
    }
  }
}
