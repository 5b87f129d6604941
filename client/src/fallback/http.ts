import type { Code } from "../codes.ts";
import { request, roomUrl, type Fetch, type HttpRequest } from "../http.ts";

/** Close code of a connection that is lost without a Close frame. */
export const LOST = 1006;

export const UNAUTHORIZED = 4001;
export const FORBIDDEN = 4003;

const closeCodes: Partial<Record<Code, number>> = {
  bad_request: 4400,
  unauthorized: UNAUTHORIZED,
  token_expired: UNAUTHORIZED,
  forbidden: FORBIDDEN,
  not_found: 4404,
  method_not_allowed: 4405,
  too_large: 1009,
  rate_limited: 1013,
  room_full: 1013,
  internal: 1011,
};

/**
 * Returns the close code that a socket would have received for the same error, except 1013 for
 * `rate_limited`.
 */
export const closeCodeOf = (code: Code): number => closeCodes[code] ?? LOST;

const TIME_LIMIT_MS = 15_000;
const JSON_TYPE = "application/json";

/** Sends requests with the newest token. Throws only a `RoomcastError`. */
export class Http {
  readonly base: string;
  readonly #fetch: Fetch;
  token: string | undefined;

  constructor(base: string, fetch: Fetch, token: string | undefined) {
    this.base = base;
    this.#fetch = fetch;
    this.token = token;
  }

  /** Returns the URL of `/rooms/{room}`, or of a path below it. */
  urlOf(room: string, leaf?: string, query: Record<string, string | undefined> = {}): URL {
    const url = roomUrl(this.base, room, ...(leaf === undefined ? [] : [leaf]));
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, value);
    }
    return url;
  }

  /** Requests JSON. */
  get<Answer>(url: URL, signal = AbortSignal.timeout(TIME_LIMIT_MS)): Promise<Answer> {
    return request(this.#fetch, url, this.#requestOptions(JSON_TYPE, { signal }));
  }

  /** Posts JSON and returns the result of `read`. */
  post<Answer>(url: URL, body: string, read?: (response: Response) => Answer): Promise<Answer> {
    const signal = AbortSignal.timeout(TIME_LIMIT_MS);
    const options = this.#requestOptions(JSON_TYPE, { method: "POST", body, signal });
    return request(this.#fetch, url, options, read);
  }

  /** Requests a stream of Server-Sent Events. */
  stream(url: URL, signal: AbortSignal): Promise<ReadableStream<Uint8Array> | null> {
    const options = this.#requestOptions("text/event-stream", { signal });
    return request(this.#fetch, url, options, ({ body }) => body);
  }

  /**
   * Adds the token and the headers. Without `no-store`, a browser delays a second tab's request
   * until the first tab's request is answered. A refusal by a proxy counts as `offline`, so that it
   * never ends a room permanently.
   */
  #requestOptions(accept: string, options: HttpRequest): HttpRequest {
    return {
      cache: "no-store",
      headers: { accept },
      token: this.token,
      proxyCode: "offline",
      ...options,
    };
  }
}
