import { Timer } from "../timer.ts";
import { now } from "../clock.ts";
import { isReachable } from "../http.ts";
import type {
  FallbackTransports,
  Transport,
  TransportOptions,
  TransportUser,
  WebSocketClass,
} from "../connection/transport.ts";
import {
  betterThan,
  INITIAL_CHOICE,
  withFailure,
  withProbe,
  withSuccess,
  withTransport,
} from "./choice.ts";
import { LongPoll } from "./poll.ts";
import { isStreamAvailable, isWebSocketAvailable } from "./probe.ts";
import type { ReaderContext, StartReader } from "./reader.ts";
import { HttpSocket } from "./http-socket.ts";
import { EventStream } from "./stream.ts";

/** The transports for networks that block WebSockets, and the choice among them. */
export class Fallback implements FallbackTransports {
  readonly sockets: Readonly<Record<Transport, WebSocketClass | undefined>>;
  readonly #options: TransportOptions;
  readonly #users: ReadonlySet<TransportUser>;
  readonly #startProbe = (): void => void this.#runOnce(this.#probe);
  readonly #timer = new Timer(this.#startProbe);
  #choice = INITIAL_CHOICE;
  /** The tasks that are running. */
  readonly #running = new Set<() => Promise<void>>();
  /** The context of the last long poll. The probe of a stream uses it. */
  #lastPolled: ReaderContext | undefined;

  constructor(options: TransportOptions, users: ReadonlySet<TransportUser>) {
    this.#options = options;
    this.#users = users;
    this.sockets = {
      websocket: options.WebSocket,
      sse: this.#socketsOf("sse", (context, since) => new EventStream(context, since)),
      "long-polling": this.#socketsOf("long-polling", (context, since) => {
        this.#lastPolled = context;
        return new LongPoll(context, since);
      }),
    };
  }

  get transport(): Transport {
    return this.#choice.transport;
  }

  #socketsOf(transport: Transport, read: StartReader): WebSocketClass {
    const { fetch } = this.#options;
    const options = {
      fetch,
      read,
      recordDial: (answer: boolean) => this.recordDial(transport, answer),
    };
    return class extends HttpSocket {
      constructor(address: string, protocols: string[]) {
        super(options, address, protocols);
      }
    } as unknown as WebSocketClass;
  }

  recordDial(transport: Transport, isAnswered: boolean): void {
    if (transport !== this.transport) return;
    if (isAnswered) this.#choice = withSuccess(this.#choice);
    else void this.#runOnce(this.#checkReachable);
  }

  /**
   * Runs the task, unless the task is already running. So dials that fail at the same time count as
   * one failure.
   */
  async #runOnce(task: () => Promise<void>): Promise<void> {
    if (this.#running.has(task)) return;
    this.#running.add(task);
    await task.call(this);
    this.#running.delete(task);
  }

  async #checkReachable(): Promise<void> {
    const { transport } = this;
    if (!(await isReachable(this.#options)) || this.transport !== transport) return;
    this.#choice = withFailure(this.#choice, now());
    if (this.transport !== transport) this.#notifyUsers("wake");
  }

  async #probe(): Promise<void> {
    this.#choice = withProbe(this.#choice, now());
    this.scheduleProbe();
    for (const transport of betterThan(this.transport)) {
      if (!(await this.#isAvailable(transport))) continue;
      this.#choice = withTransport(this.#choice, transport);
      return this.#notifyUsers("switch_transport");
    }
  }

  async #isAvailable(transport: Transport): Promise<boolean> {
    if (transport === "websocket") return isWebSocketAvailable(this.#options);
    return this.#lastPolled !== undefined && isStreamAvailable(this.#lastPolled);
  }

  #notifyUsers(type: "wake" | "switch_transport"): void {
    this.scheduleProbe();
    for (const user of [...this.#users]) user.dispatch({ type });
  }

  /**
   * Schedules the probes of better transports while there are users. A probe runs at `probeAt`, and
   * whenever the network is back.
   */
  scheduleProbe(): void {
    const { probeAt } = this.#choice;
    const shouldProbe = this.#users.size > 0 && probeAt < Infinity;
    this.#timer.set(shouldProbe ? probeAt : Infinity);
    // Node has no global event listeners.
    globalThis[shouldProbe ? "addEventListener" : "removeEventListener"]?.(
      "online",
      this.#startProbe,
    );
  }
}
