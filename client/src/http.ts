import { RoomcastError, type WireCode } from "./codes.ts";
import type { Place } from "./position.ts";
import type { Position, RoomEvent } from "./protocol.ts";

export interface Request {
  readonly method?: string;
  readonly token?: string | null | undefined;
  readonly body?: string;
  readonly timeoutMs: number;
}

export type Fetch = typeof globalThis.fetch;

/** `https://host/{path}`, below the path of `base` if it has one. */
export const urlOf = (base: string | URL, path: string): URL =>
  new URL(`${String(base).replace(/\/$/, "")}/${path}`);

export const roomUrl = (base: string | URL, room: string, ...leaf: [string?]): URL =>
  urlOf(base, ["rooms", encodeURIComponent(room), ...leaf].join("/"));

/** The answer's JSON. Throws the error it carries. */
export async function request<Answer>(fetch: Fetch, url: URL, options: Request): Promise<Answer> {
  const { token, timeoutMs, ...init } = options;
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  let response: Response;
  try {
    response = await fetch(url, { ...init, headers, signal: AbortSignal.timeout(timeoutMs) });
  } catch {
    throw new RoomcastError("offline", `No answer from ${url.host}.`);
  }
  if (!response.ok) throw await errorOf(response);
  return (await response.json()) as Answer;
}

async function errorOf(response: Response): Promise<RoomcastError> {
  // A proxy in between answers with a page of its own.
  const body = await response.json().catch(() => undefined);
  const { code, message } = (body?.error ?? {}) as { code?: WireCode; message?: string };
  return new RoomcastError(
    code ?? (response.status < 500 ? "bad_request" : "internal"),
    message ?? `HTTP ${response.status}`,
    Number(response.headers.get("retry-after")) * 1_000 || undefined,
  );
}

/** Which part of a room's events: the newest, or those after a position. */
export type Range =
  | { readonly last: number; readonly since?: undefined }
  | { readonly since: Position; readonly last?: undefined };

export interface Page<Event = RoomEvent> extends Pick<Place, "epoch"> {
  /** The seq before the first event. */
  readonly prev: number;
  readonly events: readonly Event[];
  /** The newest event's seq when the last part was read. */
  readonly head: number;
}

const PAGE_EVENTS = 1000;

/** Everything of a range up to the head, which takes several pages where there is much of it. */
export async function readEvents<Event extends RoomEvent>(
  read: (query: string) => Promise<Page<Event>>,
  range: Range,
): Promise<Page<Event>> {
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
