/** A server whose responses a test controls, and a socket over HTTP to that server. */
import assert from "node:assert/strict";
import { LongPoll } from "../../src/fallback/poll.ts";
import type { StartReader } from "../../src/fallback/reader.ts";
import { HttpSocket } from "../../src/fallback/http-socket.ts";
import { EventStream } from "../../src/fallback/stream.ts";
import { settle } from "../model/network.ts";

/** A request that waits for its response. */
export class PendingRequest {
  readonly url: URL;
  readonly init: RequestInit;
  readonly #resolve: (response: Response) => void;
  readonly #reject: (error: unknown) => void;
  #body: ReadableStreamDefaultController<Uint8Array> | undefined;

  constructor(
    url: URL,
    init: RequestInit,
    resolve: (response: Response) => void,
    reject: (error: unknown) => void,
  ) {
    this.url = url;
    this.init = init;
    this.#resolve = resolve;
    this.#reject = reject;
    init.signal?.addEventListener("abort", () => {
      reject(init.signal!.reason);
      this.#body?.error(init.signal!.reason);
    });
  }

  /** Method and path of the request, for example `GET events?since=a`. */
  get summary(): string {
    const { pathname, search } = this.url;
    const leaf = pathname.replace(/^\/(rooms\/[^/]+\/?)?/, "") + search;
    return `${this.init.method ?? "GET"} ${decodeURIComponent(leaf)}`;
  }

  get token(): string | undefined {
    return new Headers(this.init.headers).get("authorization")?.slice("Bearer ".length);
  }

  get json(): any {
    return JSON.parse(String(this.init.body));
  }

  get isAborted(): boolean {
    return this.init.signal?.aborted ?? false;
  }

  async respond(body: object, status = 200, headers: Record<string, string> = {}): Promise<void> {
    this.#resolve(Response.json(body, { status, headers }));
    await settle();
  }

  refuse(status: number, code: string, headers?: Record<string, string>): Promise<void> {
    return this.respond({ error: { code, message: `No: ${code}.` } }, status, headers);
  }

  /** Responds with an HTML page, as a proxy does. */
  async respondAsProxy(status: number): Promise<void> {
    const headers = { "content-type": "text/html" };
    this.#resolve(new Response("<h1>Please pay.</h1>", { status, headers }));
    await settle();
  }

  async fail(): Promise<void> {
    const error = new TypeError("fetch failed");
    this.#reject(error);
    this.#body?.error(error);
    await settle();
  }

  /** Starts a stream as the response, or continues the stream. */
  async write(text = ""): Promise<void> {
    if (this.#body === undefined) {
      const body = new ReadableStream<Uint8Array>({ start: (body) => void (this.#body = body) });
      this.#resolve(new Response(body, { headers: { "content-type": "text/event-stream" } }));
    }
    if (text !== "") this.#body!.enqueue(new TextEncoder().encode(text));
    await settle();
  }
}

export const EPOCH = "epoch001";

export const at = (seq: number): string => `${EPOCH}:${seq}`;

export const event = (seq: number, data: unknown = seq): string =>
  `id: ${at(seq)}\ndata: {"seq":${seq},"data":${JSON.stringify(data)}}\n\n`;

/** Returns an unsigned token in the format of a JWT. */
export const tokenOf = (exp: number, rooms: object = { "*": ["subscribe"] }): string =>
  `e30.${Buffer.from(JSON.stringify({ sub: "Äda", exp, rooms })).toString("base64url")}.x`;

export class HttpScenario {
  readonly requests: PendingRequest[] = [];
  /** Received frames. */
  readonly frames: any[] = [];
  readonly socket: HttpSocket;
  readonly dialResults: boolean[] = [];
  code: number | undefined;

  /** If `token` is empty, the socket has no token. */
  constructor(address: string, read: StartReader, token = tokenOf(2_000_000_000)) {
    const fetch: typeof globalThis.fetch = (url, init = {}) =>
      new Promise((resolve, reject) =>
        this.requests.push(new PendingRequest(new URL(String(url)), init, resolve, reject)),
      );
    const recordDial = (answered: boolean): void => void this.dialResults.push(answered);
    const protocols = ["roomcast.v1", ...(token && [`bearer.${token}`])];
    this.socket = new HttpSocket({ fetch, read, recordDial }, `wss://rt/${address}`, protocols);
    this.socket.onmessage = ({ data }) => this.frames.push(JSON.parse(data));
    this.socket.onclose = ({ code }) => (this.code = code);
  }

  send(frame: object): Promise<void> {
    this.socket.send(JSON.stringify(frame));
    return settle();
  }

  /** Removes the next request, checks that it matches `summary`, and returns it. */
  nextRequest(summary: string): PendingRequest {
    const request = this.requests.shift();
    assert.equal(request?.summary, summary);
    return request!;
  }

  /** Returns the frames received since the last call. */
  readFrames(): any[] {
    return this.frames.splice(0);
  }

  get frameTypes(): string[] {
    return this.readFrames().map(({ type }) => type);
  }
}

export const streamReader: StartReader = (context, since) => new EventStream(context, since);
export const pollReader: StartReader = (context, since) => new LongPoll(context, since);
