import type { Detour } from "./fallback/index.ts";
import type { RoomcastError } from "./codes.ts";
import { isReachable, type Fetch } from "./http.ts";
import type { Transport } from "./transport.ts";
import { loadFallback } from "./load.ts";
import type { Report } from "./report.ts";

/** The part of a WebSocket class that the client uses. The runtime's own fits, and that of the npm package `ws`. */
export type WebSocketClass = new (
  url: string,
  protocols: string[],
) => {
  onopen: any;
  onmessage: any;
  onclose: any;
  onerror: any;
  send(text: string): void;
  close(code?: number): void;
};

export interface RouteOptions {
  readonly url: string | URL;
  /** `undefined` where the runtime has none: in Node before version 22. */
  readonly WebSocket: WebSocketClass | undefined;
  readonly fetch: Fetch;
  readonly report: Report;
}

/** Who goes by a route. */
export interface Traveller {
  /** Another transport is tried from now on, or one that is better than that which is in use. */
  dispatch(input: { readonly type: "wake" | "switch" }): void;
}

/** How a client reaches its server: by WebSocket, or by a detour, which is loaded when one can't be had. */
export class Route {
  readonly #options: RouteOptions;
  readonly #travellers = new Set<Traveller>();
  #detour: Detour | undefined;
  #isLoading = false;
  #hasFailed = false;

  constructor(options: RouteOptions) {
    this.#options = options;
  }

  get transport(): Transport {
    return this.#detour?.transport ?? "websocket";
  }

  dial(transport: Transport, address: string, protocols: string[]): WebSocket {
    const Socket = this.#detour?.sockets[transport] ?? this.#options.WebSocket;
    if (!Socket)
      throw new TypeError(
        "There is no WebSocket here, as Node has from 22 on: give createClient that of `ws`.",
      );
    return new Socket(address, protocols) as WebSocket;
  }

  setActive(traveller: Traveller, active: boolean): void {
    this.#travellers[active ? "add" : "delete"](traveller);
    this.#detour?.scheduleProbe();
  }

  /** Whether the dial of a WebSocket was answered, be it by a refusal. */
  tried(answered: boolean): void {
    if (this.#detour) this.#detour.tried("websocket", answered);
    else if (!answered && !this.#isLoading) void this.#load();
  }

  /** Not before the server can be reached: to be offline takes no detour. */
  async #load(): Promise<void> {
    this.#isLoading = true;
    try {
      if (!(await isReachable(this.#options))) return;
      const { Detour } = await loadFallback();
      this.#detour = new Detour(this.#options, this.#travellers);
    } catch (error) {
      // The next failed dial loads it again, but only the first error is reported.
      if (!this.#hasFailed) this.#options.report(error as RoomcastError);
      this.#hasFailed = true;
    } finally {
      this.#isLoading = false;
    }
  }
}
