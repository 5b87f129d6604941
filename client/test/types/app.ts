/** An app with `exactOptionalPropertyTypes` that passes `undefined` for optional values. */
import {
  createClient,
  RoomcastError,
  type ClientOptions,
  type Room,
  type RoomEvent,
} from "roomcast";
import { createBackend, type BackendOptions } from "roomcast/server";

declare const settings: { readonly [Name in keyof ClientOptions]: ClientOptions[Name] | undefined };
declare const times: { min: number | undefined; timeout: number | undefined };
declare const key: string | undefined;
declare const signal: AbortSignal | undefined;

interface Events {
  moved: { x: number };
  removed: null;
}

export const client = createClient({
  ...settings,
  url: new URL("https://rt.example.com"),
  backoff: { minMs: times.min, maxMs: undefined },
  publish: { timeoutMs: times.timeout },
});
export const room: Room<Events> = client.room<Events>("room");
export const seq: Promise<number> = room.publish("moved", { x: 1 }, { key, id: undefined });
export const stop: () => void = room.listen({
  events: key === undefined ? undefined : (events) => events.map(({ data }) => data),
  gap: undefined,
});
export const event: RoomEvent = { seq: 1, name: "moved", data: 1, at: 0, from: "a", id: key, key };
export const code = (error: unknown): string =>
  error instanceof RoomcastError ? error.code : "none";

const more: Partial<BackendOptions> = { timeoutMs: times.timeout, fetch: undefined };
export const backend = createBackend({ ...more, url: "https://rt.example.com", token: "a.b.c" });
export const seqs: Promise<number[]> = backend.publishBatch("room", [{ name: "a", data: 1, key }], {
  signal,
  timeoutMs: times.timeout,
});
