import { RoomcastError, type Code } from "../codes.ts";
import { jsonOf, refusalOf, roomUrl, type Fetch } from "../http.ts";

/** What a connection that is lost without a code is closed with. */
export const LOST = 1006;

export const UNAUTHORIZED = 4001;

const closeCodes: Partial<Record<Code, number>> = {
  bad_request: 4400,
  unauthorized: UNAUTHORIZED,
  token_expired: UNAUTHORIZED,
  forbidden: 4003,
  not_found: 4404,
  method_not_allowed: 4405,
  too_large: 1009,
  rate_limited: 1013,
  room_full: 1013,
  internal: 1011,
};

/** With what a socket would have been closed for the same reason. */
export const closeCodeOf = (code: Code): number => closeCodes[code] ?? LOST;

const TIME_LIMIT_MS = 15_000;
const JSON_TYPE = "application/json";

/** Asks the server, with the newest token. Throws a `RoomcastError` and nothing else. */
export class Http {
  readonly base: string;
  readonly #fetch: Fetch;
  token: string | undefined;

  constructor(base: string, fetch: Fetch, token: string | undefined) {
    this.base = base;
    this.#fetch = fetch;
    this.token = token;
  }

  /** `/rooms/{room}`, or one of its leaves. */
  urlOf(room: string, leaf?: string, query: Record<string, string | undefined> = {}): URL {
    const url = roomUrl(this.base, room, ...(leaf === undefined ? [] : [leaf]));
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, value);
    }
    return url;
  }

  /**
   * The server's answer. A refusal that is not its own is `offline`, so that no page of a proxy's
   * ends a room for good.
   */
  async request(url: URL, type: string, init: RequestInit): Promise<Response> {
    const { token } = this;
    const fetch = this.#fetch;
    const headers = { accept: type, ...(token && { authorization: `Bearer ${token}` }) };
    // Without a token it is a cookie that speaks for the user.
    const credentials = token ? "same-origin" : "include";
    let response: Response;
    try {
      // Unless told not to store it, a browser has a second tab wait for the first one's answer.
      response = await fetch(url, { cache: "no-store", credentials, ...init, headers });
    } catch {
      throw new RoomcastError("offline", `No answer from ${url.host}.`);
    }
    if (response.ok) return response;
    const refusal = await refusalOf(response);
    throw refusal ?? new RoomcastError("offline", `Something before ${url.host} has refused.`);
  }

  get<Answer>(url: URL, signal = AbortSignal.timeout(TIME_LIMIT_MS)): Promise<Answer> {
    return this.request(url, JSON_TYPE, { signal }).then(jsonOf<Answer>);
  }

  post(url: URL, body: string): Promise<Response> {
    const signal = AbortSignal.timeout(TIME_LIMIT_MS);
    return this.request(url, JSON_TYPE, { method: "POST", body, signal });
  }
}
