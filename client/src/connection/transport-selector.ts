import type { RoomcastError } from "../codes.ts";
import { isReachable } from "../http.ts";
import type {
  FallbackTransports,
  Transport,
  TransportOptions,
  TransportUser,
} from "./transport.ts";
import { loadFallback } from "./load-fallback.ts";

/**
 * Selects the transport of a client: WebSocket, or a transport of the fallback. The fallback is
 * loaded if no WebSocket can be opened.
 */
export class TransportSelector {
  readonly #options: TransportOptions;
  readonly #users = new Set<TransportUser>();
  #fallback: FallbackTransports | undefined;
  #isLoading = false;
  #hasFailed = false;

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  get transport(): Transport {
    return this.#fallback?.transport ?? "websocket";
  }

  dial(transport: Transport, address: string, protocols: string[]): WebSocket {
    const Socket = this.#fallback?.sockets[transport] ?? this.#options.WebSocket;
    if (!Socket)
      throw new TypeError("Node has no WebSocket before 22: pass createClient that of `ws`.");
    return new Socket(address, protocols) as WebSocket;
  }

  setActive(user: TransportUser, active: boolean): void {
    this.#users[active ? "add" : "delete"](user);
    this.#fallback?.scheduleProbe();
  }

  /** Records whether the dial of a WebSocket was answered. A refusal counts as an answer. */
  recordDial(answered: boolean): void {
    if (this.#fallback) this.#fallback.recordDial("websocket", answered);
    else if (!answered && !this.#isLoading) void this.#load();
  }

  /**
   * Loads the fallback if the server can be reached over HTTP. An offline client needs no fallback.
   */
  async #load(): Promise<void> {
    this.#isLoading = true;
    try {
      if (!(await isReachable(this.#options))) return;
      const { Fallback } = await loadFallback();
      this.#fallback = new Fallback(this.#options, this.#users);
    } catch (error) {
      // The next failed dial loads the fallback again, but only the first error is reported.
      if (!this.#hasFailed) this.#options.report(error as RoomcastError);
      this.#hasFailed = true;
    } finally {
      this.#isLoading = false;
    }
  }
}
