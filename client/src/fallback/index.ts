import { Timer } from "../timer.ts";
import { now } from "../clock.ts";
import { isReachable } from "../http.ts";
import type { Transport } from "../transport.ts";
import type { RouteOptions, Traveller, WebSocketClass } from "../route.ts";
import { answered, betterThan, DOUBTFUL, failed, found, probing } from "./choice.ts";
import { LongPoll } from "./poll.ts";
import { socketPasses, streamPasses } from "./probe.ts";
import type { Source, StartReader } from "./reader.ts";
import { HttpSocket } from "./socket.ts";
import { EventStream } from "./stream.ts";

/** The ways to the server where a WebSocket can't be had, and which of them is taken. */
export class Detour {
  readonly sockets: Readonly<Record<Transport, WebSocketClass | undefined>>;
  readonly #options: RouteOptions;
  readonly #travellers: ReadonlySet<Traveller>;
  readonly #look = (): void => void this.#once(this.#lookAround);
  readonly #timer = new Timer(this.#look);
  #choice = DOUBTFUL;
  /** What it is at. */
  readonly #doing = new Set<() => Promise<void>>();
  /** What a stream is probed with. */
  #polled: Source | undefined;

  constructor(options: RouteOptions, travellers: ReadonlySet<Traveller>) {
    this.#options = options;
    this.#travellers = travellers;
    this.sockets = {
      websocket: options.WebSocket,
      sse: this.#socketsOf("sse", (source, since) => new EventStream(source, since)),
      "long-polling": this.#socketsOf("long-polling", (source, since) => {
        this.#polled = source;
        return new LongPoll(source, since);
      }),
    };
  }

  get transport(): Transport {
    return this.#choice.transport;
  }

  #socketsOf(transport: Transport, read: StartReader): WebSocketClass {
    const { fetch } = this.#options;
    const options = { fetch, read, tried: (answer: boolean) => this.tried(transport, answer) };
    return class extends HttpSocket {
      constructor(address: string, protocols: string[]) {
        super(options, address, protocols);
      }
    } as unknown as WebSocketClass;
  }

  tried(transport: Transport, isAnswered: boolean): void {
    if (transport !== this.transport) return;
    if (isAnswered) this.#choice = answered(this.#choice);
    else void this.#once(this.#check);
  }

  /** Dials that fail together tell no more than one. */
  async #once(act: () => Promise<void>): Promise<void> {
    if (this.#doing.has(act)) return;
    this.#doing.add(act);
    await act.call(this);
    this.#doing.delete(act);
  }

  async #check(): Promise<void> {
    const { transport } = this;
    if (!(await isReachable(this.#options)) || this.transport !== transport) return;
    this.#choice = failed(this.#choice, now());
    if (this.transport !== transport) this.#notifyUsers("wake");
  }

  async #lookAround(): Promise<void> {
    this.#choice = probing(this.#choice, now());
    this.scheduleProbe();
    for (const transport of betterThan(this.transport)) {
      if (!(await this.#passes(transport))) continue;
      this.#choice = found(this.#choice, transport);
      return this.#notifyUsers("switch");
    }
  }

  async #passes(transport: Transport): Promise<boolean> {
    if (transport === "websocket") return socketPasses(this.#options);
    return this.#polled !== undefined && streamPasses(this.#polled);
  }

  #notifyUsers(type: "wake" | "switch"): void {
    this.scheduleProbe();
    for (const traveller of [...this.#travellers]) traveller.dispatch({ type });
  }

  /** Looks for a better way when it is time or the network has changed, as long as somebody travels. */
  scheduleProbe(): void {
    const { probeAt } = this.#choice;
    const isLooking = this.#travellers.size > 0 && probeAt < Infinity;
    this.#timer.set(isLooking ? probeAt : Infinity);
    // Node has neither.
    globalThis[isLooking ? "addEventListener" : "removeEventListener"]?.("online", this.#look);
  }
}
