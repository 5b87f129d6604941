/** Shared setup of the tests: a model server, a network with faults, and virtual time. */
import { afterEach, beforeEach, describe, mock } from "node:test";
import { createClient, RoomcastError, type Client, type ClientOptions } from "../src/index.ts";
import { fetchFrom } from "./model/http.ts";
import { Network, startClock, trueTime } from "./model/network.ts";
import { tokenFor } from "./model/claims.ts";
import { ModelServer } from "./model/server.ts";

export const HOUR = 3_600_000;

/** Each test has a new server and a new network. */
export let server: ModelServer;
export let network: Network;

beforeEach(() => {
  startClock();
  server = new ModelServer(trueTime);
  network = new Network(server);
});
afterEach(() => mock.reset());

export const KINDS = ["shared", "room"] as const;

let sockets: (typeof KINDS)[number] = "shared";

/**
 * Runs `describe` twice: once with one connection for all rooms, and once with a socket for each
 * room.
 */
export function describeBoth(name: string, tests: (kind: typeof sockets) => void): void {
  for (const kind of KINDS) {
    describe(`${name} (sockets: "${kind}")`, () => {
      beforeEach(() => void (sockets = kind));
      tests(kind);
    });
  }
}

export function clientOf(options: Partial<ClientOptions> = {}): Client {
  return createClient({
    url: "https://model",
    token: () => tokenFor("alice", Date.now() + HOUR),
    WebSocket: network.WebSocket,
    fetch: fetchFrom(server),
    sockets,
    ...options,
  });
}

export function publish(name: string, data: unknown, key?: string): void {
  server.room("room").append([key ? { name, data, key } : { name, data }], "backend", Date.now());
}

export const cutAll = (code?: number): void =>
  network.connections.forEach((connection) => connection.cut(code));

export const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => "no error",
    (error: unknown) => (error instanceof RoomcastError ? error.code : error),
  );

/** Counts the active listeners. A listener is active until its returned stop function is called. */
export function countListeners() {
  let count = 0;
  return {
    listening: () => count,
    counted:
      <Args extends unknown[]>(listen: (...args: Args) => () => void) =>
      (...args: Args) => {
        count++;
        const stop = listen(...args);
        return () => {
          count--;
          stop();
        };
      },
  };
}
