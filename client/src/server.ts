/** For backends: publish to rooms and read them, over HTTP. */
import { RoomcastError } from "./codes.ts";
import { readEvents, request, roomUrl, type Fetch, type Page, type Range } from "./http.ts";
import type { PublishOptions } from "./outbox.ts";
import { newId, type RoomEvent, type Snapshot } from "./protocol.ts";
import { retry } from "./retry.ts";

export { RoomcastError };
export type { Page, PublishOptions, Range, RoomEvent, Snapshot };

export interface BackendOptions {
  readonly url: string | URL;
  /** A token that grants `publish` (and `subscribe`, to read); asked for with each request. */
  readonly token: string | (() => string | Promise<string>);
  /** How long a request may take with all its retries (30,000 ms). */
  readonly timeoutMs?: number;
  readonly fetch?: Fetch;
}

export interface NewEvent extends PublishOptions {
  readonly name: string;
  readonly data: unknown;
}

export interface Backend {
  /** Resolves with the event's seq once it is durable. Retries by id, so that it counts once. */
  publish(room: string, name: string, data: unknown, options?: PublishOptions): Promise<number>;
  /** Appends up to 1,000 events to one room, all or none. Resolves with their seqs in order. */
  publishBatch(room: string, events: readonly NewEvent[]): Promise<number[]>;
  /** The latest event of every key: what a page that is rendered on the server starts from. */
  state(room: string): Promise<Snapshot>;
  /** Stored events, up to the newest. */
  history(room: string, range: Range): Promise<Page>;
}

/** One try's share of the time, so that one that hangs leaves time for another. */
const TRY_MS = 10_000;

export function createBackend(options: BackendOptions): Backend {
  const { url, token, timeoutMs = 30_000, fetch = globalThis.fetch } = options;

  const call = <Answer>(to: URL, init: { method?: string; body?: string } = {}): Promise<Answer> =>
    retry(
      async (remainingMs) =>
        request<Answer>(fetch, to, {
          ...init,
          token: typeof token === "function" ? await token() : token,
          timeoutMs: Math.min(TRY_MS, remainingMs),
        }),
      timeoutMs,
    );

  async function publishBatch(room: string, events: readonly NewEvent[]): Promise<number[]> {
    const withIds = events.map((event) => ({ ...event, id: event.id ?? newId() }));
    const body = JSON.stringify({ events: withIds });
    const to = roomUrl(url, room, "events");
    return (await call<{ seqs: number[] }>(to, { method: "POST", body })).seqs;
  }

  return {
    publishBatch,
    async publish(room, name, data, { id = newId(), key } = {}) {
      const body = JSON.stringify({ name, data, id, key });
      const to = roomUrl(url, room, "events");
      const { seqs } = await call<{ seqs: [number] }>(to, { method: "POST", body });
      return seqs[0];
    },
    state: (room) => call(roomUrl(url, room, "state")),
    history: (room, range) =>
      readEvents((query) => call<Page>(new URL(query, roomUrl(url, room, "events"))), range),
  };
}
