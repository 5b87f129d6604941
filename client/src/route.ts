import { Alarm } from "./alarm.ts";
import { BEST, betterThan, failed, found, probing, worked } from "./choice.ts";
import type { Fallback } from "./fallback/index.ts";
import { urlOf, type Fetch } from "./http.ts";
import type { Transport } from "./line.ts";

export interface RouteOptions {
  readonly url: string | URL;
  readonly WebSocket: typeof WebSocket;
  readonly fetch: Fetch;
}

/** Who dials. */
export interface Traveller {
  tell(input: { readonly type: "wake" | "switch" }): void;
}

const CHECK_MS = 10_000;

/** By which transport a client's sockets are dialled. All but the WebSocket is loaded when it is needed. */
export class Route {
  readonly #options: RouteOptions;
  readonly #travellers = new Set<Traveller>();
  readonly #probe = (): void => void this.#lookAround();
  readonly #alarm = new Alarm(this.#probe);
  #choice = BEST;
  #fallback: Fallback | undefined;
  /** Dials that fail at the same time tell no more than one. */
  #isChecking = false;

  constructor(options: RouteOptions) {
    this.#options = options;
  }

  get transport(): Transport {
    return this.#choice.transport;
  }

  dial(transport: Transport, address: string, protocols: string[]): WebSocket {
    const { WebSocket } = this.#options;
    const Socket = transport === "websocket" ? WebSocket : this.#fallback!.sockets[transport];
    return new Socket(address, protocols);
  }

  /** Only for who is under way is a better one looked for. */
  attend(traveller: Traveller, active: boolean): void {
    if (active) this.#travellers.add(traveller);
    else this.#travellers.delete(traveller);
    this.#wait();
  }

  /** Whether a dial was answered, be it by a refusal. */
  readonly tried = (transport: Transport, answered: boolean): void => {
    if (transport !== this.transport) return;
    if (answered) this.#choice = worked(this.#choice);
    else if (!this.#isChecking) void this.#check();
  };

  /** To be offline is no fault of the transport. */
  async #check(): Promise<void> {
    const { fetch, url } = this.#options;
    const { transport } = this;
    this.#isChecking = true;
    try {
      const signal = AbortSignal.timeout(CHECK_MS);
      const health = await fetch(urlOf(url, "healthz"), { cache: "no-store", signal });
      if ((await health.text()) !== "ok") return;
      const { fallbackOf } = await import("./fallback/index.ts");
      this.#fallback ??= fallbackOf({ ...this.#options, tried: this.tried });
      this.#choice = failed(this.#choice, Date.now());
    } catch {
      // Neither the service nor, it may be, the server of the page: the next failure asks again.
    } finally {
      this.#isChecking = false;
    }
    if (this.transport !== transport) this.#go("wake");
  }

  async #lookAround(): Promise<void> {
    this.#choice = probing(this.#choice, Date.now());
    this.#wait();
    for (const transport of betterThan(this.#choice)) {
      if (!(await this.#fallback!.passes(transport))) continue;
      this.#choice = found(this.#choice, transport);
      return this.#go("switch");
    }
  }

  #go(how: "wake" | "switch"): void {
    this.#wait();
    for (const traveller of [...this.#travellers]) traveller.tell({ type: how });
  }

  #wait(): void {
    const probeAt = this.#travellers.size > 0 ? this.#choice.probeAt : Infinity;
    this.#alarm.set(probeAt);
    // Node has neither.
    globalThis[probeAt < Infinity ? "addEventListener" : "removeEventListener"]?.(
      "online",
      this.#probe,
    );
  }
}
