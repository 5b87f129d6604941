/**
 * A reader of Server-Sent Events that follows the HTML standard (9.2.6). Each reader has a separate
 * connection, so that a test can read slowly or disconnect.
 */
import { type IncomingMessage, get } from "node:http";

export interface SseEvent {
  /** Type of the event, or `message` if the stream names no type. */
  event: string;
  data: string;
  /** Last id received up to this event. A reader that reconnects would send this id. */
  lastEventId: string;
}

export interface StreamOptions {
  token?: string | undefined;
  query?: string | undefined;
  lastEventId?: string | undefined;
  headers?: Record<string, string> | undefined;
}

const TIMEOUT_MS = 30_000;

export class EventStream {
  readonly response: IncomingMessage;
  /** Last id received. A block without data is not an event, but it also sets this id. */
  lastEventId = "";
  /** Number of lines that begin with a colon. */
  comments = 0;
  /** All text read so far. */
  text = "";
  readonly #decoder = new TextDecoder();
  readonly #events: SseEvent[] = [];
  #line = "";
  #data: string[] = [];
  #event = "";
  #id: string | undefined;
  #ended = false;
  #notify = (): void => {};

  private constructor(response: IncomingMessage) {
    this.response = response;
    response.on("data", (bytes: Buffer) => this.#read(bytes));
    response.on("error", () => {}); // A `close` event follows.
    response.on("close", () => {
      this.#ended = true;
      this.#notify();
    });
  }

  /** Resolves when the headers of the response arrive, whatever the status code is. */
  static async open(
    url: string,
    { token, query, lastEventId, headers = {} }: StreamOptions = {},
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

  /** Returns the next event, or `undefined` at the end of the stream. */
  async next(timeoutMs = TIMEOUT_MS): Promise<SseEvent | undefined> {
    await this.#until(() => this.#events.length > 0, "an event", timeoutMs);
    return this.#events.shift();
  }

  async nextJson(): Promise<any> {
    const event = await this.next();
    if (event === undefined) throw new Error("the stream ended before the next event");
    return JSON.parse(event.data);
  }

  /** JSON body of a response that is not a stream. */
  get errorBody(): any {
    return JSON.parse(this.text);
  }

  /** Waits until the stream has sent an id, and returns the last id. */
  async waitForPosition(): Promise<string> {
    await this.#until(() => this.lastEventId !== "", "an id", TIMEOUT_MS);
    return this.lastEventId;
  }

  /** Waits until the stream has ended. After that, `text` contains the whole stream. */
  async waitForEnd(): Promise<void> {
    await this.#until(() => false, "the end", TIMEOUT_MS);
  }

  async waitForComments(count: number, timeoutMs: number): Promise<void> {
    await this.#until(() => this.comments >= count, "a comment", timeoutMs);
  }

  /** Closes the TCP connection. */
  drop(): void {
    this.response.destroy();
  }

  #read(bytes: Buffer): void {
    const text = this.#decoder.decode(bytes, { stream: true });
    this.text += text;
    const lines = (this.#line + text).split(/\r\n|\r|\n/);
    this.#line = lines.pop() ?? "";
    for (const line of lines) this.#readLine(line);
    this.#notify();
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
    else if (this.status === 200) throw new Error(`a line with an unknown field: ${line}`);
  }

  #dispatch(): void {
    if (this.#id !== undefined) this.lastEventId = this.#id;
    if (this.#data.length > 0) {
      const event = this.#event || "message";
      this.#events.push({ event, data: this.#data.join("\n"), lastEventId: this.lastEventId });
    }
    this.#data = [];
    this.#event = "";
    this.#id = undefined;
  }

  async #until(is: () => boolean, awaited: string, timeoutMs: number): Promise<void> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => late.reject(new Error(`waited ${timeoutMs} ms for ${awaited}`)),
      timeoutMs,
    );
    try {
      while (!is() && !this.#ended) {
        const changed = Promise.withResolvers<void>();
        this.#notify = changed.resolve;
        await Promise.race([changed.promise, late.promise]);
      }
    } finally {
      clearTimeout(timer);
    }
  }
}
