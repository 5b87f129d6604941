import { Listeners } from "../listeners.ts";
import { Flow } from "./flow.ts";
import type { RoomTransport } from "../connection/transport.ts";
import { formatPosition, newEvents, type LogPosition, type SavedPosition } from "./position.ts";
import {
  PING,
  type Events,
  type Frame,
  type Gap,
  type Position,
  type Recovered,
  type RoomEvent,
  type Snapshot,
  type Welcome,
} from "../protocol.ts";
import { guard } from "../report.ts";
import { State } from "./state.ts";

export interface Listener<Event = RoomEvent> {
  /**
   * The new events of one frame, in order. A promise that it returns holds nothing back here, but
   * the room sends only so much more before it is settled.
   */
  events?: ((events: readonly Event[]) => unknown) | undefined;
  /** Some events can't be had any more: throw away what was built from them. `state` follows. */
  gap?: ((gap: Gap) => void) | undefined;
  /** `room.state` is whole: after a first join, and after a gap. */
  state?: (() => void) | undefined;
  /** All that was missed while there was no connection has been delivered. */
  recovered?: ((recovered: Recovered) => void) | undefined;
}

export interface FeedOptions {
  readonly room: string;
  readonly transport: RoomTransport;
  readonly saved: SavedPosition;
  readState(): Promise<Snapshot>;
  /** Called after every change of the position or the state. */
  onChange(): void;
}

/** What the room keeps on its way to a reader, beyond what that has seen. */
const OWN_WINDOW_BYTES = 1024 * 1024;
const SHARED_WINDOW_BYTES = 256 * 1024;

/** Of no log: the room answers it with a gap. */
const VOID: Position = "00000000:0";

/** A room's log, as its listeners hear it: each event once and in order, gaps, and the state. */
export class Feed {
  readonly #options: FeedOptions;
  readonly #listeners = new Listeners<Listener>();
  readonly #flow: Flow;
  /** The state at the position up to which all was delivered; none before the first `welcome`. */
  #state: State | undefined;
  /** The state that is being read. */
  #reading: State | undefined;
  #isStateWanted = false;
  /** If there is a state, the room has sent it ahead of all else. */
  #isFresh = false;
  /** What the listeners have built is void, and they have yet to be told. */
  #isVoid = false;
  /** From where to where it is catching up. */
  #missed: { readonly from: LogPosition; readonly to: LogPosition } | undefined;

  constructor(options: FeedOptions) {
    this.#options = options;
    const { room, transport } = options;
    this.#flow = new Flow(transport.shared ? SHARED_WINDOW_BYTES : OWN_WINDOW_BYTES, (seq) =>
      transport.send(JSON.stringify({ type: "seen", room, seq })),
    );
  }

  get position(): Position | undefined {
    return this.#state && formatPosition(this.#state.position);
  }

  /** To ask for it is to want it. */
  get state(): ReadonlyMap<string, RoomEvent> | undefined {
    this.#wantState();
    return this.#state?.events;
  }

  /** Returns what ends it. */
  listen(listener: Listener): () => void {
    if (listener.state) this.#wantState();
    return this.#listeners.add(listener);
  }

  /** Calls the handler with each event. Returns what stops it. */
  on(handler: (event: RoomEvent) => unknown): () => void {
    let stopped = false;
    const stop = this.listen({
      events(events) {
        const doing = events.flatMap((event) =>
          // The handler may have stopped itself at an earlier event of the frame.
          stopped ? [] : guard(() => handler(event)),
        );
        return doing.length > 0 ? Promise.all(doing) : undefined;
      },
    });
    return () => {
      stopped = true;
      stop();
    };
  }

  /** Where it goes on from. */
  since(): Position | undefined {
    if (this.#isVoid) return VOID;
    const saved = this.#state ? undefined : this.#options.saved.load();
    if (saved) this.#state = new State(saved);
    return this.position;
  }

  /** The next connection counts anew what was seen. */
  onDisconnect(): void {
    this.#flow.reset();
  }

  /** Nobody uses the room any more: who comes later starts afresh. */
  forget(): void {
    this.#state = this.#missed = undefined;
    this.#isStateWanted = this.#isVoid = false;
  }

  /** Another user may come, who must not go on from here. */
  reset(): void {
    this.#isVoid ||= this.#state !== undefined;
    this.#state = this.#missed = undefined;
    this.#options.saved.drop();
    this.#options.onChange();
  }

  onFrame(frame: Frame, bytes: number): void {
    switch (frame.type) {
      case "welcome":
        return this.#onWelcome(frame);
      case "events":
        return this.#apply(frame, bytes);
      case "gap":
        return this.#onGap(frame);
      case "state":
        return this.#settle(frame);
      case "pong":
        // On a multiplexed connection, the pong is not the room's.
        return this.#options.transport.shared || !this.#isFresh
          ? this.#readState()
          : this.#settleNone();
    }
  }

  #onWelcome({ recovered, epoch, seq }: Welcome): void {
    const head = { epoch, seq };
    this.#isFresh = !recovered;
    // Not recovered, the position stays until `gap` has come: cut before it, the next try hears of it.
    const { position } = (this.#state ??= new State(head));
    if (recovered) this.#missed = { from: this.#missed?.from ?? position, to: head };
    this.#save();
    this.#notifyRecovered();
    this.#awaitState();
  }

  #apply(frame: Events, bytes: number): void {
    const state = this.#state;
    const events = state && newEvents(state.position, frame);
    if (!events) return this.#options.transport.dispatch({ type: "gap_detected" });
    const last = events.at(-1);
    if (!last) return;
    if (this.#isFresh) this.#settleNone();
    // Before the handlers run: whatever they do, no event reaches one of them twice.
    state.apply(events);
    this.#flow.track(
      last.seq,
      bytes,
      this.#notify((listener) => listener.events?.(events)),
    );
    this.#settle();
    this.#notifyRecovered();
  }

  #onGap({ epoch, oldest, seq }: Gap): void {
    this.#state = new State({ epoch, seq });
    this.#missed = undefined;
    this.#isVoid = false;
    this.#isFresh = true;
    this.#notify((listener) => listener.gap?.({ epoch, oldest, seq }));
    this.#awaitState();
  }

  /** Tells of what was missed, once it is all there. */
  #notifyRecovered(): void {
    const missed = this.#missed;
    if (!missed || missed.to.seq > this.#state!.position.seq) return;
    this.#missed = undefined;
    const recovered = { from: formatPosition(missed.from), to: formatPosition(missed.to) };
    this.#notify((listener) => listener.recovered?.(recovered));
  }

  #wantState(): void {
    if (this.#isStateWanted) return;
    this.#isStateWanted = true;
    this.#awaitState();
  }

  /** The state that somebody waits for. */
  get #awaited(): State | undefined {
    const isMissing = this.#isStateWanted && !this.#state?.events;
    return isMissing ? this.#state : undefined;
  }

  /** If the state is on its way, the pong comes behind it, or nearly so. */
  #awaitState(): void {
    const { transport } = this.#options;
    if (this.#awaited && transport.connection.phase === "open") transport.send(PING);
  }

  #readState(): void {
    const state = this.#awaited;
    if (!state || state === this.#reading) return;
    this.#reading = state;
    this.#options.readState().then(
      (snapshot) => {
        // After a gap it is too old for the state that was begun then.
        if (state === this.#state) this.#settle(snapshot);
        this.#reading = undefined;
      },
      // The next pong asks again.
      () => (this.#reading = undefined),
    );
  }

  #settleNone(): void {
    if (this.#state) this.#settle({ ...this.#state.position, events: [] });
  }

  /** Takes this snapshot, or the one that came too early. */
  #settle(snapshot?: Snapshot): void {
    if (this.#state?.settle(snapshot)) this.#notify((listener) => listener.state?.());
  }

  /** Returns what the listeners have yet to do. */
  #notify(call: (listener: Listener) => unknown): Promise<unknown>[] {
    const doing = this.#listeners.notify(call);
    this.#save();
    this.#options.onChange();
    return doing;
  }

  #save(): void {
    this.#options.saved.save(this.position!);
  }
}
