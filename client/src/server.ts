/** The API for backends, which publishes to rooms and reads rooms over HTTP. */
import { Timer } from "./timer.ts";
import { now } from "./clock.ts";
import { RoomcastError } from "./codes.ts";
import {
  readEvents,
  request,
  roomUrl,
  serverUrl,
  type Fetch,
  type Page,
  type Range,
} from "./http.ts";
import type { PublishOptions } from "./room/outbox.ts";
import { newId } from "./id.ts";
import type { NewEvent, RoomEvent, Snapshot } from "./protocol.ts";
import { retry } from "./retry.ts";

export { createToken } from "./token.ts";
export type { Right, TokenOptions } from "./token.ts";
export { RoomcastError };
export type { NewEvent, Page, PublishOptions, Range, RoomEvent, Snapshot };

/** Options of `createBackend`. */
export interface BackendOptions {
  /** URL of the Roomcast worker, for example `https://rt.example.com`. */
  readonly url: string | URL;
  /**
   * Token that grants `publish`, and also `subscribe` if the backend reads rooms. If `token` is a
   * function, it is called for each request, including retries.
   */
  readonly token: string | (() => string | Promise<string>);
  /**
   * Time limit of a call in ms, 10,000 by default. It includes all retries and the `token`
   * function.
   */
  readonly timeoutMs?: number | undefined;
  /** Replaces the global `fetch`. */
  readonly fetch?: Fetch | undefined;
}

/** Options of a publish by a backend. */
export interface BackendPublishOptions extends PublishOptions {
  /**
   * Client that caused the event, at most 128 characters. The Pusher socket with this `socket_id`
   * is not sent the event.
   */
  readonly origin?: string | undefined;
}

/** Options that end a call early. A publish that is ended early may be stored or not. */
export interface CallOptions {
  /**
   * Time limit of this call in ms, in place of the backend's `timeoutMs`. When the time is up, the
   * call rejects with `timeout`.
   */
  readonly timeoutMs?: number | undefined;
  /**
   * Signal that ends the call when the signal is aborted. The call then rejects with the signal's
   * reason.
   */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Publishes to rooms and reads rooms. A call rejects with a `RoomcastError`, with the error that
 * the `token` function throws, or with the reason of `signal`.
 */
export interface Backend {
  /**
   * Publishes an event. Resolves with its seq once the event is durable. Retries with the same id,
   * so that the event is stored once.
   */
  publish(
    room: string,
    name: string,
    data: unknown,
    options?: BackendPublishOptions & CallOptions,
  ): Promise<number>;
  /**
   * Appends up to 1,000 events to one room, either all of them or none. Resolves with their seqs,
   * in order. Retries with the same ids, as `publish` does.
   */
  publishBatch(room: string, events: readonly NewEvent[], options?: CallOptions): Promise<number[]>;
  /** Reads the latest event of every key, for example to render a page on the server. */
  state(room: string, options?: CallOptions): Promise<Snapshot>;
  /**
   * Reads a range of stored events. Rejects with `position_lost` if the room can't resume from
   * `since`, or if `before` is not a position of its log.
   */
  history(room: string, range: Range, options?: CallOptions): Promise<Page>;
}

/**
 * Time limit of an attempt, in ms. An attempt also takes at most half of the call's time, so that
 * time remains for a second attempt if the first attempt hangs.
 */
const MAX_ATTEMPT_MS = 10_000;

interface Body {
  readonly method: "POST";
  readonly body: string;
}

/** Creates a backend. Throws a `TypeError` for an invalid `url`. */
export function createBackend(options: BackendOptions): Backend {
  const { token, fetch = globalThis.fetch } = options;
  const url = serverUrl(options.url);

  /** Sends one request of a call, and retries it within the call's time limit. */
  type SendRequest = <Answer>(to: URL, init?: Body) => Promise<Answer>;

  /**
   * Runs a call. When the time is up, ends the attempts, the pauses between attempts, and the wait
   * for the `token` function.
   */
  async function call<Answer>(
    { timeoutMs = options.timeoutMs ?? 10_000, signal }: CallOptions,
    work: (send: SendRequest) => Promise<Answer>,
  ): Promise<Answer> {
    const limit = new AbortController();
    const ends = signal ? AbortSignal.any([signal, limit.signal]) : limit.signal;
    ends.throwIfAborted();
    const deadline = now() + timeoutMs;
    const timer = new Timer(() =>
      limit.abort(new RoomcastError("timeout", `No answer from ${url} in ${timeoutMs} ms.`)),
    );
    const send: SendRequest = (to, init) =>
      retry(
        async (remainingMs) =>
          request(fetch, to, {
            ...init,
            token: typeof token === "function" ? await token() : token,
            timeoutMs: Math.ceil(Math.max(1, Math.min(MAX_ATTEMPT_MS, timeoutMs / 2, remainingMs))),
            signal: ends,
          }),
        deadline - now(),
        ends,
      );
    timer.set(deadline);
    try {
      return await Promise.race([work(send), rejection(ends)]);
    } finally {
      timer.set(Infinity);
    }
  }

  async function append(
    room: string,
    body: object,
    options: CallOptions | undefined,
  ): Promise<number[]> {
    const init: Body = { method: "POST", body: JSON.stringify(body) };
    const to = roomUrl(url, room, "events");
    return (await call(options ?? {}, (send) => send<{ seqs: number[] }>(to, init))).seqs;
  }

  return {
    async publish(room, name, data, options) {
      const { id = newId(), key, origin } = options ?? {};
      return (await append(room, { name, data, id, key, origin }, options))[0]!;
    },
    async publishBatch(room, events, options) {
      const withIds = events.map((event) => ({ ...event, id: event.id ?? newId() }));
      return append(room, { events: withIds }, options);
    },
    state: (room, options = {}) => call(options, (send) => send(roomUrl(url, room, "state"))),
    history: (room, range, options = {}) =>
      call(options, (send) =>
        readEvents((query) => send<Page>(new URL(query, roomUrl(url, room, "events"))), range),
      ),
  };
}

/** Returns a promise that rejects with the signal's reason when the signal is aborted. */
const rejection = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
