/** For backends: publish to rooms and read them, over HTTP. */
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
import { newId, type RoomEvent, type Snapshot } from "./protocol.ts";
import { retry } from "./retry.ts";

export { RoomcastError };
export type { Page, PublishOptions, Range, RoomEvent, Snapshot };

export interface BackendOptions {
  readonly url: string | URL;
  /** A token that grants `publish` (and `subscribe`, to read); asked for with each request. */
  readonly token: string | (() => string | Promise<string>);
  /** The time limit of a call in ms, with all its retries and the token (10,000). */
  readonly timeoutMs?: number | undefined;
  readonly fetch?: Fetch | undefined;
}

/** What ends a call early. Whether a publish that was ended is stored is then unknown. */
export interface CallOptions {
  /** The time limit of this call in ms, in place of the backend's. After it, the call rejects with `timeout`. */
  readonly timeoutMs?: number | undefined;
  /** Ends the call when it is aborted: it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

export interface NewEvent extends PublishOptions {
  readonly name: string;
  readonly data: unknown;
}

export interface Backend {
  /** Resolves with the event's seq once it is durable. Retries by id, so that it counts once. */
  publish(
    room: string,
    name: string,
    data: unknown,
    options?: PublishOptions & CallOptions,
  ): Promise<number>;
  /** Appends up to 1,000 events to one room, all or none. Resolves with their seqs in order. */
  publishBatch(room: string, events: readonly NewEvent[], options?: CallOptions): Promise<number[]>;
  /** The latest event of every key: what a page that is rendered on the server starts from. */
  state(room: string, options?: CallOptions): Promise<Snapshot>;
  /** Stored events, up to the newest. */
  history(room: string, range: Range, options?: CallOptions): Promise<Page>;
}

/** A try may take half of the time limit, and at most this, so that another follows one that hangs. */
const MAX_TRY_MS = 10_000;

interface Body {
  readonly method: "POST";
  readonly body: string;
}

export function createBackend(options: BackendOptions): Backend {
  const { token, fetch = globalThis.fetch } = options;
  const url = serverUrl(options.url);

  /** Sends one request of a call, and retries it within the call's time limit. */
  type Ask = <Answer>(to: URL, init?: Body) => Promise<Answer>;

  /** Ends the whole call at its time limit: its tries, the pauses between them, and the `token` callback. */
  async function call<Answer>(
    { timeoutMs = options.timeoutMs ?? 10_000, signal }: CallOptions,
    work: (ask: Ask) => Promise<Answer>,
  ): Promise<Answer> {
    const limit = new AbortController();
    const ends = signal ? AbortSignal.any([signal, limit.signal]) : limit.signal;
    ends.throwIfAborted();
    const giveUpAt = now() + timeoutMs;
    const timer = new Timer(() =>
      limit.abort(new RoomcastError("timeout", `No answer from ${url} within ${timeoutMs} ms.`)),
    );
    const ask: Ask = (to, init) =>
      retry(
        async (remainingMs) =>
          request(fetch, to, {
            ...init,
            token: typeof token === "function" ? await token() : token,
            timeoutMs: Math.min(MAX_TRY_MS, timeoutMs / 2, remainingMs),
            signal: ends,
          }),
        giveUpAt - now(),
        ends,
      );
    timer.set(giveUpAt);
    try {
      return await Promise.race([work(ask), rejection(ends)]);
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
    return (await call(options ?? {}, (ask) => ask<{ seqs: number[] }>(to, init))).seqs;
  }

  return {
    async publish(room, name, data, options) {
      const { id = newId(), key } = options ?? {};
      return (await append(room, { name, data, id, key }, options))[0]!;
    },
    async publishBatch(room, events, options) {
      const withIds = events.map((event) => ({ ...event, id: event.id ?? newId() }));
      return append(room, { events: withIds }, options);
    },
    state: (room, options = {}) => call(options, (ask) => ask(roomUrl(url, room, "state"))),
    history: (room, range, options = {}) =>
      call(options, (ask) =>
        readEvents((query) => ask<Page>(new URL(query, roomUrl(url, room, "events"))), range),
      ),
  };
}

/** Rejects with the signal's reason. */
const rejection = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
