import { Listeners } from "../listeners.ts";
import { Flow } from "./flow.ts";
import type { RoomTransport } from "../connection/transport.ts";
import { formatPosition, newEvents, type LogPosition, type SavedPosition } from "./position.ts";
import type { Frame } from "../connection/frame.ts";
import {
  PING,
  type EventsFrame,
  type Gap,
  type Position,
  type RoomEvent,
  type Snapshot,
  type WelcomeFrame,
} from "../protocol.ts";
import { guard } from "../report.ts";
import { State } from "./state.ts";

/** Handlers of everything that a room delivers. */
export interface Listener<Event = RoomEvent> {
  /**
   * Called with the new events of a frame, in order. May return a promise, for which the client
   * does not wait. Until the promise is settled, the room sends at most 256 KiB more (1 MiB with
   * `sockets: "room"`).
   */
  events?: ((events: readonly Event[]) => unknown) | undefined;
  /**
   * Called when some events can no longer be recovered: drop everything that was derived from
   * earlier events. A call of `state` follows.
   */
  gap?: ((gap: Gap) => void) | undefined;
  /** Called when `room.state` is complete: after the room was first joined, and after a gap. */
  state?: (() => void) | undefined;
  /** Called when all events that this client missed during a disconnect have been delivered. */
  recovered?: ((recovered: Recovered) => void) | undefined;
}

/**
 * Range of missed events that were delivered: the events after `from`, up to and including `to`.
 */
export interface Recovered {
  readonly from: Position;
  readonly to: Position;
}

export interface FeedOptions {
  readonly room: string;
  readonly transport: RoomTransport;
  readonly saved: SavedPosition;
  readState(): Promise<Snapshot>;
  /**
   * Called after every change of the position or the state, but not when the position gets its first
   * value.
   */
  onChange(): void;
}

/** Flow-control windows: the maximum number of bytes that the room sends after the last `seen`. */
const OWN_WINDOW_BYTES = 1024 * 1024;
const SHARED_WINDOW_BYTES = 256 * 1024;

/** A position that exists in no log, so that the room answers it with a gap. */
const NO_LOG_POSITION: Position = "00000000:0";

/**
 * Delivers a room's events, gaps and state to listeners. Each event is delivered once and in order.
 */
export class Feed {
  readonly #options: FeedOptions;
  readonly #listeners = new Listeners<Listener>();
  readonly #flow: Flow;
  /** The state at the last delivered position. `undefined` while there is no position. */
  #state: State | undefined;
  /** The state that is being read over HTTP. */
  #reading: State | undefined;
  #isStateWanted = false;
  /**
   * `true` after a gap, and for a session that has not resumed. In these cases, the room sends its
   * state before any event, unless the state is empty.
   */
  #expectsState = false;
  /**
   * `true` if data that the listeners have derived is invalid, and the listeners have not received
   * a `gap` yet.
   */
  #mustSendGap = false;
  /** The range of missed events that is being replayed. */
  #replayRange: { readonly from: LogPosition; readonly to: LogPosition } | undefined;

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

  /** Returns the state, and requests it on the first call. */
  get state(): ReadonlyMap<string, RoomEvent> | undefined {
    this.#wantState();
    return this.#state?.events;
  }

  /** Adds a listener and returns a function that removes it. */
  listen(listener: Listener): () => void {
    if (listener.state) this.#wantState();
    return this.#listeners.add(listener);
  }

  /** Calls the handler with each event. Returns a function that removes the handler. */
  on(handler: (event: RoomEvent) => unknown): () => void {
    let stopped = false;
    const stop = this.listen({
      events(events) {
        const promises = events.flatMap((event) =>
          // The handler may have removed itself at an earlier event of the frame.
          stopped ? [] : guard(() => handler(event)),
        );
        return promises.length > 0 ? Promise.all(promises) : undefined;
      },
    });
    return () => {
      stopped = true;
      stop();
    };
  }

  /** Returns the position to resume from. */
  since(): Position | undefined {
    if (this.#mustSendGap) return NO_LOG_POSITION;
    const saved = this.#state ? undefined : this.#options.saved.load();
    if (saved) this.#state = new State(saved);
    return this.position;
  }

  /** Resets flow control, which starts again with the next connection. */
  onDisconnect(): void {
    this.#flow.reset();
  }

  /**
   * Forgets the position and the state when the room has no users. The next user starts
   * from the saved position, if there is one, and otherwise without a position.
   */
  clear(): void {
    this.#state = this.#replayRange = undefined;
    this.#isStateWanted = this.#mustSendGap = false;
  }

  /**
   * Drops the position and the state at a sign-out, so that the next user doesn't resume from them.
   */
  reset(): void {
    this.#mustSendGap ||= this.#state !== undefined;
    this.#state = this.#replayRange = undefined;
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
        return this.#applySnapshot(frame);
      case "pong":
        // On a room's own socket, the room sends the state to a new session before the pong, unless
        // the state is empty. A resumed session receives no state. On a multiplexed connection, the
        // pong does not come from the room. In these two cases, the state is read over HTTP.
        return this.#options.transport.shared || !this.#expectsState
          ? this.#readState()
          : this.#applyEmptyState();
    }
  }

  #onWelcome({ recovered, epoch, seq }: WelcomeFrame): void {
    const head = { epoch, seq };
    this.#expectsState = !recovered;
    // If the room can't resume from the position, the client retains the position until it receives
    // the `gap`. If the connection is lost before the `gap` is received, the next connection
    // receives the `gap`.
    const { position } = (this.#state ??= new State(head));
    if (recovered) this.#replayRange = { from: this.#replayRange?.from ?? position, to: head };
    this.#save();
    this.#notifyRecovered();
    this.#awaitState();
  }

  #apply(frame: EventsFrame, bytes: number): void {
    const state = this.#state;
    const events = state && newEvents(state.position, frame);
    if (!events) return this.#options.transport.dispatch({ type: "gap_detected" });
    const last = events.at(-1);
    if (!last) return;
    if (this.#expectsState) this.#applyEmptyState();
    // The position advances before the handlers run. So no event reaches a handler twice, whatever
    // the handlers do.
    state.apply(events);
    this.#flow.track(
      last.seq,
      bytes,
      this.#notify((listener) => listener.events?.(events)),
    );
    this.#applySnapshot();
    this.#notifyRecovered();
  }

  #onGap({ epoch, oldest, seq }: Gap): void {
    this.#state = new State({ epoch, seq });
    this.#replayRange = undefined;
    this.#mustSendGap = false;
    this.#expectsState = true;
    this.#notify((listener) => listener.gap?.({ epoch, oldest, seq }));
    this.#awaitState();
  }

  /** Notifies the listeners with `recovered` once the replay is complete. */
  #notifyRecovered(): void {
    const missed = this.#replayRange;
    if (!missed || missed.to.seq > this.#state!.position.seq) return;
    this.#replayRange = undefined;
    const recovered = { from: formatPosition(missed.from), to: formatPosition(missed.to) };
    this.#notify((listener) => listener.recovered?.(recovered));
  }

  #wantState(): void {
    if (this.#isStateWanted) return;
    this.#isStateWanted = true;
    this.#awaitState();
  }

  /** The state, if it was requested and is still incomplete. */
  get #awaited(): State | undefined {
    const isMissing = this.#isStateWanted && !this.#state?.events;
    return isMissing ? this.#state : undefined;
  }

  /**
   * Sends a ping, whose pong ends the wait for the state: a room with an empty state sends no
   * state. The pong is received after the room's state, or shortly before the state.
   */
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
        // After a gap, this snapshot is too old for the new state.
        if (state === this.#state) this.#applySnapshot(snapshot);
        this.#reading = undefined;
      },
      // The next pong starts another read.
      () => (this.#reading = undefined),
    );
  }

  #applyEmptyState(): void {
    if (this.#state) this.#applySnapshot({ ...this.#state.position, events: [] });
  }

  /**
   * Applies `snapshot`. Without this argument, applies an earlier snapshot that was ahead of the
   * position.
   */
  #applySnapshot(snapshot?: Snapshot): void {
    if (this.#state?.applySnapshot(snapshot)) this.#notify((listener) => listener.state?.());
  }

  /** Calls the listeners, then saves the position. Returns the promises of the listeners. */
  #notify(call: (listener: Listener) => unknown): Promise<unknown>[] {
    const promises = this.#listeners.notify(call);
    this.#save();
    this.#options.onChange();
    return promises;
  }

  #save(): void {
    this.#options.saved.save(this.position!);
  }
}
