import { Timer } from "../timer.ts";
import { Listeners } from "../listeners.ts";
import { now, wallTimeOf } from "../clock.ts";
import { RoomcastError } from "../codes.ts";
import { Feed, type Listener } from "./feed.ts";
import { Grant } from "./grant.ts";
import {
  callerOf,
  type AnyEvents,
  type ByName,
  type EventOf,
  type Handler,
  type SignalHandler,
  type SignalOf,
} from "./handlers.ts";
import type { Page, Range } from "../http.ts";
import {
  INITIAL,
  isActive,
  type ConnectionStatus,
  type Lifecycle,
  type Status,
} from "../connection/lifecycle.ts";
import type {
  ClientCommand,
  RoomListener,
  RoomTransport,
  Transport,
} from "../connection/transport.ts";
import {
  Outbox,
  type Author,
  type OutboxLimits,
  type Publishing,
  type PublishOptions,
} from "./outbox.ts";
import { RateLimiter } from "../connection/rate-limiter.ts";
import type { Sender } from "./sender.ts";
import type { SavedPosition } from "./position.ts";
import { RoomPresence, type Presence } from "./presence.ts";
import type { Frame } from "../connection/frame.ts";
import { newId } from "../id.ts";
import type {
  AuthorizedFrame,
  ErrorDetails,
  Position,
  RoomEvent,
  Signal,
  Snapshot,
} from "../protocol.ts";
import type { Report } from "../report.ts";
import { Signals } from "./signals.ts";

export interface RoomOptions {
  readonly outbox: OutboxLimits;
  readonly saved: SavedPosition;
  /** Returns the author of a publish that is made now. */
  author(): Author;
  connect(listener: RoomListener): RoomTransport;
  readEvents(range: Range): Promise<Page>;
  readState(): Promise<Snapshot>;
  countMembers(): Promise<number>;
  readonly report: Report;
  /** Called before the room is used, each time that it had no users. */
  onActive(): void;
  /** Called when the room has no users and is disconnected. */
  onIdle(): void;
}

/**
 * A room of a client. The room is connected while listeners, waiting publishes or presence use it,
 * and for 3 s after the last use. Passes received frames to their handlers, and queued frames to
 * the transport.
 */
export class Room<
  EventMap extends object = AnyEvents,
  // With the default `any`, a room with declared types is assignable to a room type that does not
  // declare signals and presence.
  SignalMap extends object = any,
  Data = any,
> {
  readonly name: string;
  /** The room's members, and the entry of this client. */
  readonly presence: Presence<Data>;
  /**
   * Reads a range of stored events over HTTP. Rejects with a `RoomcastError`, for example with the
   * code `position_lost`. After 15 s without an answer, the code is `timeout`.
   */
  readonly history: (range: Range) => Promise<Page<EventOf<EventMap>>>;
  /** @internal */
  readonly report: Report;
  readonly #options: RoomOptions;
  readonly #roomTransport: RoomTransport;
  readonly #feed: Feed;
  readonly #grant: Grant;
  readonly #limiter = new RateLimiter();
  readonly #presence: RoomPresence;
  readonly #outbox: Outbox;
  readonly #signals: Signals;
  readonly #timer = new Timer(() => this.#flush());
  readonly #watchers = new Listeners<() => void>();
  #connection = INITIAL;
  /** Time of the next attempt to connect, on the clock of `now`. */
  #retryDueAt: number | undefined;
  /** The transport at the last notification of the watchers. */
  #transport: Transport;
  #users = 0;

  /** @internal Use `client.room(name)`. */
  constructor(name: string, options: RoomOptions) {
    this.name = name;
    this.report = options.report;
    this.#options = options;
    this.history = options.readEvents as typeof this.history;
    this.#grant = new Grant(name, this.report);
    this.#presence = this.presence = new RoomPresence({
      name,
      grant: this.#grant,
      report: this.report,
      use: (stop) => this.#use(stop),
      flush: () => this.#flush(),
      countMembers: options.countMembers,
    });
    this.#outbox = new Outbox(name, options.outbox);
    this.#signals = new Signals(name, this.#grant);
    this.#roomTransport = options.connect({
      name,
      since: () => this.#feed.since(),
      onFrame: (frame, bytes) => this.#onFrame(frame, bytes),
      onStateChange: (after, before) => this.#onStateChange(after, before),
    });
    this.#transport = this.transport;
    this.#feed = new Feed({
      room: name,
      transport: this.#roomTransport,
      saved: options.saved,
      readState: options.readState,
      onChange: () => this.#notify(),
    });
  }

  /** The status of the room's connection. */
  get status(): Status {
    return this.#connection.status;
  }

  /**
   * The status of the connection, with its reason, its error and the time of the next attempt. Each
   * change creates a new object.
   */
  get connection(): ConnectionStatus {
    return this.#connection;
  }

  /** The transport in use, or the transport that is tried now. */
  get transport(): Transport {
    return this.#roomTransport.transport;
  }

  /**
   * The rights that the token grants here, such as `publish`. Each change creates a new array.
   * `undefined` before the first `welcome`.
   */
  get grant(): readonly string[] | undefined {
    return this.#grant.rights;
  }

  /**
   * The position up to which every event was delivered. `undefined` until the room is joined, unless
   * `resume` has restored a position. `undefined` again after `signOut`, and when the room is no
   * longer used.
   */
  get position(): Position | undefined {
    return this.#feed.position;
  }

  /**
   * The latest event of every key, oldest first. `undefined` until the state is known. If the room
   * does not send the state, the first read of this property requests it over HTTP.
   */
  get state(): ReadonlyMap<string, EventOf<EventMap>> | undefined {
    return this.#feed.state as ReadonlyMap<string, EventOf<EventMap>> | undefined;
  }

  /**
   * Calls the handler with each event of that name, or with every event if no name is given. Keeps
   * the room connected. Returns a function that removes the handler.
   */
  on<Name extends keyof EventMap & string>(
    name: Name,
    handler: Handler<RoomEvent<Name, EventMap[Name]>>,
  ): () => void;
  on(handler: Handler<EventOf<EventMap>>): () => void;
  on(...args: ByName<Handler<any>>): () => void {
    return this.#use(this.#feed.on(callerOf(args)));
  }

  /**
   * Calls the listener with events, gaps and state, in the order in which they are received. Keeps
   * the room connected. Returns a function that removes the listener.
   */
  readonly listen = (listener: Listener<EventOf<EventMap>>): (() => void) =>
    this.#use(this.#feed.listen(listener as Listener));

  /**
   * Calls the watcher after every change of `connection`, `transport`, `grant` or `state`, and after
   * each change of `position` except its first value. Keeps the room connected. Returns a function that removes the watcher.
   */
  readonly subscribe = (watcher: () => void): (() => void) =>
    this.#use(this.#watchers.add(watcher));

  /**
   * Publishes an event now, or as soon as the room is connected. Resolves with its seq once the
   * event is durable. Rejects with a `RoomcastError`, such as `timeout`, `queue_full` or
   * `too_large`.
   */
  readonly publish = <Name extends keyof EventMap & string>(
    name: Name,
    data: EventMap[Name],
    { id = newId(), key }: PublishOptions = {},
  ): Publishing => {
    const release = this.#use();
    const sent = this.#outbox.add({ name, data, id, key }, this.#options.author(), now());
    void sent.then(release, release);
    this.#flush();
    return Object.assign(sent, { id });
  };

  /**
   * Sends a signal to the other connected sessions. While this client is not connected, the signal
   * is dropped. After the first signal of a name, the newest signal of that name is sent at most
   * once every 50 ms. Throws `too_large` if the data has more than 16 KiB of JSON.
   */
  readonly signal = <Name extends keyof SignalMap & string>(
    name: Name,
    data: SignalMap[Name],
  ): void => {
    this.#signals.add(name, data);
    this.#flush();
  };

  /**
   * Calls the handler with each signal of that name from other sessions, or with every signal if no
   * name is given. Keeps the room connected. Returns a function that removes the handler.
   */
  onSignal<Name extends keyof SignalMap & string>(
    name: Name,
    handler: SignalHandler<Signal<Name, SignalMap[Name]>>,
  ): () => void;
  onSignal(handler: SignalHandler<SignalOf<SignalMap>>): () => void;
  onSignal(...args: ByName<SignalHandler<any>>): () => void {
    return this.#use(this.#signals.on(callerOf(args)));
  }

  /** @internal */
  dispatch(command: ClientCommand): void {
    this.#roomTransport.dispatch(command);
  }

  /** @internal Rejects waiting publishes of other users. */
  onUser(user: string): void {
    this.#outbox.rejectOthers(user);
  }

  /** @internal Leaves the room, and drops the position and the state, at a sign-out. */
  reset(): void {
    this.presence.leave();
    this.#feed.reset();
  }

  #use(stop?: () => void): () => void {
    if (this.#users++ === 0) {
      this.#options.onActive();
      this.#roomTransport.dispatch({ type: "use" });
    }
    let released = false;
    return () => {
      if (released) return;
      released = true;
      stop?.();
      if (--this.#users === 0) this.#roomTransport.dispatch({ type: "leave" });
    };
  }

  #onStateChange(after: Lifecycle, before: Lifecycle): void {
    if (before.phase === "open" && after.phase !== "open") {
      this.#outbox.onDisconnect();
      this.#presence.onDisconnect();
      this.#feed.onDisconnect();
    }
    if (after.phase === "ended") this.#presence.onEnd();
    if (after.phase === "idle") this.#feed.clear();
    if (this.#users === 0 && !isActive(after)) this.#options.onIdle();
    this.#flush();
    const { status, reason, error } = after;
    const dueAt = after.phase === "waiting" ? after.dueAt : undefined;
    const previous = this.#connection;
    const isSame =
      status === previous.status &&
      reason === previous.reason &&
      error === previous.error &&
      dueAt === this.#retryDueAt;
    if (isSame && this.transport === this.#transport) return;
    this.#transport = this.transport;
    this.#retryDueAt = dueAt;
    if (!isSame) this.#connection = { status, reason, retryAt: dueAt && wallTimeOf(dueAt), error };
    this.#notify();
  }

  #onFrame(frame: Frame, bytes: number): void {
    switch (frame.type) {
      case "signal":
        return this.#signals.onFrame(frame);
      case "members":
        return this.#presence.onMembers(frame);
      case "members:changed":
        return this.#presence.onMembersChanged(frame);
      case "welcome":
        this.#onGrant(frame.grant, () => this.#presence.onWelcome(frame));
        this.#feed.onFrame(frame, bytes);
        return this.#flush();
      case "authorized":
        this.#onGrant((frame as AuthorizedFrame).grant, () => this.#presence.onGrantChange());
        return this.#flush();
      case "ack":
        this.#outbox.onAck(frame.ref, frame.seq);
        return this.#flush();
      case "error":
        this.#onRefusal(frame);
        return this.#flush();
      default:
        this.#feed.onFrame(frame, bytes);
    }
  }

  /**
   * Sets the rights. Notifies the watchers before any frame is sent, because a watcher may leave
   * the room when a right is lost.
   */
  #onGrant(rights: readonly string[], act: () => void): void {
    const isNew = this.#grant.set(rights);
    act();
    if (isNew) this.#notify();
  }

  #onRefusal({
    ref,
    code,
    message,
    retry_after_ms,
  }: ErrorDetails & { readonly ref?: string }): void {
    const error = new RoomcastError(code, message, retry_after_ms);
    const isPassing = code === "rate_limited" || code === "internal";
    if (isPassing) this.#limiter.onRefusal(now(), retry_after_ms);
    if (ref) return this.#outbox.onRefusal(ref, error, isPassing);
    if (code === "rate_limited") return this.#presence.onRateLimited();
    // A `room_full` error without a `ref` is the refusal of an `enter`.
    if (code === "room_full") return this.#presence.onRoomFull(error, now());
    this.report(error);
  }

  #flush(): void {
    const { phase, reason } = this.#roomTransport.connection;
    this.#outbox.expire(now());
    // After `disconnect`, the client may connect again. Until then, publishes wait, as they do
    // while the client is offline.
    if (phase === "ended" && reason !== "disconnected") this.#outbox.end(reason ?? "closed");
    if (phase !== "open") this.#signals.drop();
    const sendAt = phase === "open" ? this.#send(now()) : Infinity;
    this.#timer.set(Math.min(this.#outbox.giveUpAt, sendAt));
  }

  /**
   * Sends the frames that the rate limit allows now. Returns the time when more frames may be sent.
   */
  #send(time: number): number {
    const senders: Sender[] = [this.#presence, this.#outbox, this.#signals];
    for (const sender of senders) {
      for (const text of sender.drain(time)) {
        if (!this.#limiter.tryAcquire(time)) break;
        this.#roomTransport.send(text);
      }
    }
    return Math.max(this.#limiter.resumeAt, Math.min(...senders.map(({ dueAt }) => dueAt)));
  }

  #notify(): void {
    this.#watchers.notify((watcher) => watcher());
  }
}
