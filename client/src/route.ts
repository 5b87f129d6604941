import type { Detour } from "./fallback/index.ts";
import { isReachable, type Fetch } from "./http.ts";
import type { Transport } from "./line.ts";

export interface RouteOptions {
  readonly url: string | URL;
  readonly WebSocket: typeof WebSocket;
  readonly fetch: Fetch;
}

/** Who goes by a route. */
export interface Traveller {
  /** Another transport is tried from now on, or one that is better than that which is in use. */
  tell(input: { readonly type: "wake" | "switch" }): void;
}

/** How a client reaches its server: by WebSocket, or by a detour, which is loaded when one can't be had. */
export class Route {
  readonly #options: RouteOptions;
  readonly #travellers = new Set<Traveller>();
  #detour: Detour | undefined;
  #isLoading = false;

  constructor(options: RouteOptions) {
    this.#options = options;
  }

  get transport(): Transport {
    return this.#detour?.transport ?? "websocket";
  }

  dial(transport: Transport, address: string, protocols: string[]): WebSocket {
    const Socket = this.#detour?.sockets[transport] ?? this.#options.WebSocket;
    return new Socket(address, protocols);
  }

  attend(traveller: Traveller, active: boolean): void {
    this.#travellers[active ? "add" : "delete"](traveller);
    this.#detour?.attend();
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
      const { Detour } = await import("./fallback/index.ts");
      this.#detour = new Detour(this.#options, this.#travellers);
    } catch {
      // It comes from another server, that of the page. The next failure asks again.
    } finally {
      this.#isLoading = false;
    }
  }
}
