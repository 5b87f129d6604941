import { RoomcastError, type Code } from "./codes.ts";
import type { Position, RoomEvent } from "./protocol.ts";

export interface HttpRequest {
  readonly method?: string;
  readonly token?: string | null | undefined;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cache?: "no-store";
  /**
   * Time limit in whole ms, including the time to read the response. When the time is up, the
   * request fails with `timeout`. The number is whole, because Node rejects a fraction of a
   * millisecond.
   */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
  /** Error code if a proxy, and not the server, has refused the request. */
  readonly proxyCode?: Code;
}

export type Fetch = typeof globalThis.fetch;

/**
 * Returns the worker's URL. `http:` replaces the scheme `ws:`, and `https:` replaces `wss:`. Throws
 * a `TypeError` if `url` is not an absolute URL of these four schemes, or if it has a query or a
 * fragment.
 */
export function serverUrl(url: unknown): string {
  const [, tls, rest] = /^(?:http|ws)(s?):\/\/([^?#]+)$/i.exec(String(url)) ?? [];
  if (rest) return `http${tls}://${rest}`;
  throw new TypeError(`\`url\` must be like https://rt.example.com, not ${JSON.stringify(url)}.`);
}

/** Returns `https://host/{path}`, below the path of `base`, if any. */
export const urlOf = (base: string | URL, path: string): URL =>
  new URL(`${String(base).replace(/\/$/, "")}/${path}`);

export const roomUrl = (base: string | URL, room: string, ...leaf: [string?]): URL =>
  urlOf(base, ["rooms", encodeURIComponent(room), ...leaf].join("/"));

/** Returns the WebSocket URL of an HTTP URL. */
export const websocketOf = (url: URL): string => url.href.replace("http", "ws");

/**
 * Sends a request. Returns the result of `read`, by default the response's JSON. Throws a
 * `RoomcastError`: the server's refusal, `timeout`, or `offline`.
 */
export async function request<Answer>(
  fetch: Fetch,
  url: URL,
  options: HttpRequest,
  read: (response: Response) => Answer | Promise<Answer> = (response) => response.json(),
): Promise<Answer> {
  const { token, timeoutMs, signal, headers, proxyCode, ...init } = options;
  const limit = timeoutMs ? AbortSignal.timeout(timeoutMs) : undefined;
  const ends = signal && limit ? AbortSignal.any([signal, limit]) : (signal ?? limit);
  let error: RoomcastError;
  try {
    const response = await fetch(url, {
      ...init,
      headers: { ...headers, ...(token && { authorization: `Bearer ${token}` }) },
      // Without a token, a cookie authenticates the user.
      credentials: token ? "same-origin" : "include",
      signal: ends as AbortSignal,
    });
    if (response.ok) return await read(response);
    error = await refusalOf(response, proxyCode);
  } catch {
    error = limit?.aborted
      ? new RoomcastError("timeout", `No answer from ${url.host} in ${timeoutMs} ms.`)
      : unreachable(url);
  }
  throw error;
}

/**
 * Returns the error of a request without an answer. A page can't see the cause: the error is the
 * same for a lost network and for an origin that the server does not allow.
 */
const unreachable = ({ host, origin }: URL): RoomcastError => {
  const page = globalThis.location?.origin ?? origin;
  const hint = page === origin ? "" : ` Do its ALLOWED_ORIGINS list ${page}?`;
  return new RoomcastError("offline", `No answer from ${host}.${hint}`);
};

/**
 * Returns the error in the server's answer. If the answer contains no error, a proxy has created
 * the answer.
 */
async function refusalOf(
  response: Response,
  proxyCode: Code = response.status < 500 ? "bad_request" : "internal",
): Promise<RoomcastError> {
  const body = await response.json().catch(() => undefined);
  const { code = proxyCode, message = `HTTP ${response.status}` } = (body?.error ?? {}) as {
    code?: Code;
    message?: string;
  };
  const retryAfterMs = Number(response.headers.get("retry-after")) * 1_000 || undefined;
  return new RoomcastError(code, message, retryAfterMs);
}

const REACH_MS = 10_000;

interface Server {
  readonly url: string | URL;
  readonly fetch: Fetch;
}

/** Returns whether the server answers over HTTP. An answer from a proxy does not count. */
export async function isReachable({ url, fetch }: Server): Promise<boolean> {
  const signal = AbortSignal.timeout(REACH_MS);
  try {
    const health = await fetch(urlOf(url, "healthz"), { cache: "no-store", signal });
    return (await health.text()) === "ok";
  } catch {
    return false;
  }
}

/**
 * Range of a room's events: the newest `last` events, the events after the position `since`, or one
 * page of the newest events up to the position `before`. A page has at most `limit` events (1 to
 * 1,000, by default 100) and 1 MiB.
 */
export type Range =
  | { readonly last: number; readonly since?: undefined; readonly before?: undefined }
  | { readonly since: Position; readonly last?: undefined; readonly before?: undefined }
  | {
      readonly before: Position;
      readonly limit?: number | undefined;
      readonly last?: undefined;
      readonly since?: undefined;
    };

/** Events of a room that were read over HTTP, oldest first. */
export interface Page<Event = RoomEvent> {
  readonly epoch: string;
  /** Seq that precedes the first event. */
  readonly prev: number;
  readonly events: readonly Event[];
  /** Seq of the room's newest event when the last page was read. */
  readonly head: number;
}

const PAGE_EVENTS = 1000;
const DEFAULT_PAGE_EVENTS = 100;

/** Reads a range of events, in requests of up to 1,000 events. */
export async function readEvents<Event extends RoomEvent>(
  read: (query: string) => Promise<Page<Event>>,
  range: Range,
): Promise<Page<Event>> {
  if (range.before !== undefined) {
    return read(`?before=${range.before}&limit=${range.limit ?? DEFAULT_PAGE_EVENTS}`);
  }
  let from = range.since === undefined ? `last=${range.last}` : `since=${range.since}`;
  const pages: Page<Event>[] = [];
  for (;;) {
    const page = await read(`?${from}&limit=${PAGE_EVENTS}`);
    pages.push(page);
    const end = page.events.at(-1)?.seq ?? page.head;
    if (end >= page.head) {
      return { ...page, prev: pages[0]!.prev, events: pages.flatMap(({ events }) => events) };
    }
    from = `since=${page.epoch}:${end}`;
  }
}
