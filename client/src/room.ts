import { Alarm } from "./alarm.ts";
import { Audience } from "./audience.ts";
import { RoomcastError, type Code } from "./codes.ts";
import { Flow } from "./flow.ts";
import { Grant } from "./grant.ts";
import type { Page, Range } from "./http.ts";
import type { Life, Status } from "./life.ts";
import type { Line, RoomFollower, Transport } from "./line.ts";
import { Outbox, type OutboxLimits } from "./outbox.ts";
import { Pace } from "./pace.ts";
import { formatPosition, newEvents, parsePosition, type Place } from "./position.ts";
import { RoomPresence, type Presence } from "./presence.ts";
import {
  bytesOf,
  newId,
  PING,
  type Events,
  type Frame,
  type Gap,
  type Position,
  type Recovered,
  type Refusal,
  type RoomEvent,
  type Signal,
  type Snapshot,
  type Welcome,
} from "./protocol.ts";
import { guard, report } from "./report.ts";
import { Signals, type SignalHandler, type SignalOf } from "./signals.ts";
import { State } from "./state.ts";

/** Any of a room's events; `event.name` tells which, and so the type of `event.data`. */
export type EventOf<EventMap extends object> = {
  [Name in keyof EventMap & string]: RoomEvent<Name, EventMap[Name]>;
}[keyof EventMap & string];

/** A room whose events were not given types. */
export type AnyEvents = Record<string, any>;

/** A promise that it returns says when it has done: see `Listener.events`. */
export type Handler<Event extends RoomEvent> = (data: Event["data"], event: Event) => unknown;

export interface Listener<Event = RoomEvent> {
  /**
   * The new events of one frame, in order. A promise that it returns holds nothing back here, but
   * the room sends only so much more before it is settled.
   */
  events?(events: readonly Event[]): unknown;
  /** Some events can't be had any more: throw away what was built from them. `state` follows. */
  gap?(gap: Gap): void;
  /** `room.state` is whole: after a first join, and after a gap. */
  state?(): void;
  /** All that was missed while there was no connection has been delivered. */
  recovered?(recovered: Recovered): void;
}

export interface ConnectionStatus {
  readonly status: Status;
  /** Why it is not connected, where that is known. */
  readonly reason: Code | undefined;
  /** When it is tried again, in ms since 1970. */
  readonly retryAt: number | undefined;
}

export interface PublishOptions {
  /** Publishing the same id again counts once. Drawn at random if there is none. */
  readonly id?: string;
  /** The event replaces the one of this key in the room's state. */
  readonly key?: string;
}

/** Resolves with the event's seq once the event is durable. */
export type Publishing = Promise<number> & {
  /** The id that the event will carry, known at once: for optimistic updates. */
  readonly id: string;
};

/** Where positions are kept across page loads; `sessionStorage` fits. */
export type PositionStore = Pick<Storage, "getItem" | "setItem">;

export interface RoomOptions {
  readonly url: URL;
  readonly outbox: OutboxLimits;
  readonly resume: PositionStore | undefined;
  connect(follower: RoomFollower): Line;
  readEvents(range: Range): Promise<Page>;
  readState(): Promise<Snapshot>;
  countMembers(): Promise<number>;
}

/** What the room keeps on its way to a reader, beyond what that has seen. */
const OWN_WINDOW_BYTES = 1024 * 1024;
const SHARED_WINDOW_BYTES = 256 * 1024;

export const INITIAL: ConnectionStatus = {
  status: "connecting",
  reason: undefined,
  retryAt: undefined,
};

/** A room as an app follows it: who listens, how far it has been followed, and its state. */
export class Room<
  EventMap extends object = AnyEvents,
  // Where they are given types, the room still is one whose signals and presence have none.
  SignalMap extends object = any,
  Data = any,
> {
  readonly name: string;
  /** Who is in the room. */
  readonly presence: Presence<Data>;
  readonly #options: RoomOptions;
  readonly #line: Line;
  readonly #grant: Grant;
  readonly #pace = new Pace();
  readonly #presence: RoomPresence;
  readonly #outbox: Outbox;
  readonly #signals: Signals;
  readonly #flow: Flow;
  readonly #alarm = new Alarm(() => this.#flush());
  readonly #listeners = new Audience<Listener>();
  readonly #watchers = new Audience<() => void>();
  #state = new State();
  #connection = INITIAL;
  /** As the watchers know it. */
  #transport: Transport;
  #users = 0;
  #place: Place | undefined;
  /** The connection goes on from a position, so no state frame comes with it. */
  #resumed = false;
  /** From where to where it is catching up. */
  #missed: { from: Place; to: Place } | undefined;
  /** The state that is being read. */
  #reading: State | undefined;
  /** A snapshot that is ahead of the events that were delivered. */
  #early: Snapshot | undefined;

  /** @internal Use `client.room(name)`. */
  constructor(name: string, options: RoomOptions) {
    this.name = name;
    this.#options = options;
    this.#grant = new Grant(name);
    this.#presence = this.presence = new RoomPresence({
      name,
      pace: this.#pace,
      grant: this.#grant,
      use: (stop) => this.#use(stop),
      flush: () => this.#flush(),
      countMembers: () => options.countMembers(),
    });
    this.#outbox = new Outbox(name, options.outbox, this.#pace);
    this.#signals = new Signals(name, this.#pace, this.#grant);
    this.#line = options.connect({
      name,
      since: () => this.#since(),
      heard: (frame, text) => this.#hear(frame, text),
      changed: (after, before) => this.#changed(after, before),
    });
    this.#transport = this.transport;
    const windowBytes = this.#line.shared ? SHARED_WINDOW_BYTES : OWN_WINDOW_BYTES;
    this.#flow = new Flow(windowBytes, (seq) => this.#send({ type: "seen", seq }));
  }

  get status(): Status {
    return this.#connection.status;
  }

  /** The status with its reason and the time of the next try; another object after each change. */
  get connection(): ConnectionStatus {
    return this.#connection;
  }

  /** How the server is reached, or is tried to be. */
  get transport(): Transport {
    return this.#line.transport;
  }

  /** Everything up to here was delivered. `undefined` before the first `welcome`. */
  get position(): Position | undefined {
    return this.#place && formatPosition(this.#place);
  }

  /** The latest event of every key, oldest first. `undefined` until it is known. */
  get state(): ReadonlyMap<string, EventOf<EventMap>> | undefined {
    return this.#state.events as ReadonlyMap<string, EventOf<EventMap>> | undefined;
  }

  /** Calls the handler with each event of that name, or with each event. Returns what stops it. */
  on<Name extends keyof EventMap & string>(
    name: Name,
    handler: Handler<RoomEvent<Name, EventMap[Name]>>,
  ): () => void;
  on(handler: Handler<EventOf<EventMap>>): () => void;
  on(...args: [string, Handler<any>] | [Handler<any>]): () => void {
    const [name, handler] = args.length === 2 ? args : [undefined, args[0]];
    let stopped = false;
    const stop = this.listen({
      events: (events) => {
        const doing = events.flatMap((event) =>
          // The handler may have stopped itself at an earlier event of the frame.
          !stopped && (name === undefined || event.name === name)
            ? guard(() => handler(event.data, event))
            : [],
        );
        return doing.length > 0 ? Promise.all(doing) : undefined;
      },
    });
    return () => {
      stopped = true;
      stop();
    };
  }

  /** Hears the room frame by frame: events, gaps and state in the order they came. */
  readonly listen = (listener: Listener<EventOf<EventMap>>): (() => void) =>
    this.#use(this.#listeners.add(listener as Listener));

  /** Calls the watcher after every change of `connection`, `transport`, `position` or `state`. */
  readonly subscribe = (watcher: () => void): (() => void) =>
    this.#use(this.#watchers.add(watcher));

  /** Publishes, or waits until it can. Rejects with a `RoomcastError`. */
  readonly publish = <Name extends keyof EventMap & string>(
    name: Name,
    data: EventMap[Name],
    { id = newId(), key }: PublishOptions = {},
  ): Publishing => {
    const release = this.#use(() => {});
    const sent = this.#outbox.add({ name, data, id, key }, Date.now());
    void sent.then(release, release);
    this.#flush();
    return Object.assign(sent, { id });
  };

  /**
   * Tells who is here now; nobody, while not connected. Of what is sent of one name within 50 ms
   * after the first, the newest goes out.
   */
  readonly signal = <Name extends keyof SignalMap & string>(
    name: Name,
    data: SignalMap[Name],
  ): void => {
    this.#signals.add(name, data);
    this.#flush();
  };

  /** Calls the handler with each signal of that name, or with each signal. Returns what stops it. */
  onSignal<Name extends keyof SignalMap & string>(
    name: Name,
    handler: SignalHandler<Signal<Name, SignalMap[Name]>>,
  ): () => void;
  onSignal(handler: SignalHandler<SignalOf<SignalMap>>): () => void;
  onSignal(...args: [string, SignalHandler<any>] | [SignalHandler<any>]): () => void {
    const [name, handler] = args.length === 2 ? args : [undefined, args[0]];
    return this.#use(this.#signals.on(name, handler));
  }

  /** Reads stored events over HTTP, up to the newest. */
  readonly history = (range: Range): Promise<Page<EventOf<EventMap>>> =>
    this.#options.readEvents(range) as Promise<Page<EventOf<EventMap>>>;

  #use(stop: () => void): () => void {
    if (this.#users++ === 0) this.#line.tell({ type: "use" });
    let released = false;
    return () => {
      if (released) return;
      released = true;
      stop();
      if (--this.#users === 0) this.#line.tell({ type: "leave" });
    };
  }

  /** Each frame names its room: the line may be shared. */
  #send(frame: object): void {
    this.#line.send(JSON.stringify({ ...frame, room: this.name }));
  }

  #since(): Position | undefined {
    this.#place ??= parsePosition(this.#options.resume?.getItem(this.#storageKey));
    return this.position;
  }

  #save(): void {
    try {
      this.#options.resume?.setItem(this.#storageKey, this.position!);
    } catch {
      // A storage that is full or forbidden costs the resume after a reload, nothing now.
    }
  }

  get #storageKey(): string {
    return `roomcast:${this.#options.url}`;
  }

  #changed(after: Life, before: Life): void {
    if (before.phase === "open" && after.phase !== "open") {
      this.#outbox.disconnected();
      this.#presence.disconnected();
      this.#flow.reset();
    }
    if (after.phase === "ended") this.#presence.ended();
    if (after.phase === "idle") this.#forget();
    this.#flush();
    const { status, reason } = after;
    const retryAt = after.phase === "waiting" ? after.dueAt : undefined;
    const was = this.#connection;
    const isSame = status === was.status && reason === was.reason && retryAt === was.retryAt;
    if (isSame && this.transport === this.#transport) return;
    this.#transport = this.transport;
    if (!isSame) this.#connection = { status, reason, retryAt };
    this.#notify();
  }

  #forget(): void {
    this.#place = this.#early = this.#missed = undefined;
    this.#state = new State();
  }

  #hear(frame: Frame, text: string): void {
    switch (frame.type) {
      case "welcome":
        return this.#welcome(frame);
      case "events":
        return this.#apply(frame, bytesOf(text));
      case "gap":
        return this.#lose(frame);
      case "state":
        return this.#settle(frame);
      case "pong":
        // From the room itself it comes behind the state frame of a fresh join.
        return this.#line.shared || this.#resumed ? this.#readState() : this.#settleNone();
      case "signal":
        return this.#signals.heard(frame);
      case "members":
        return this.#presence.listed(frame.members);
      case "members:changed":
        return this.#presence.changed(frame);
      case "authorized":
        this.#grant.set(frame.grant!);
        this.#presence.authorized();
        return this.#flush();
      case "ack":
        this.#outbox.acknowledged(frame.ref, frame.seq);
        return this.#flush();
      case "error":
        this.#refused(frame);
        return this.#flush();
    }
  }

  #welcome(frame: Welcome): void {
    const { recovered = false, epoch, seq, grant } = frame;
    this.#grant.set(grant);
    this.#presence.welcomed(frame);
    this.#resumed = recovered;
    // Not recovered, the place stays until `gap` has come: cut before it, the next try hears of it.
    const place = (this.#place ??= { epoch, seq });
    this.#save();
    if (recovered) this.#missed = { from: this.#missed?.from ?? place, to: { epoch, seq } };
    this.#recover();
    this.#awaitState();
    this.#flush();
  }

  /** A state frame is on its way, if there is a state. The pong comes behind it, or nearly so. */
  #awaitState(): void {
    if (!this.#state.events) this.#line.send(PING);
  }

  /** Tells of what was missed, once it is all there. */
  #recover(): void {
    const missed = this.#missed;
    if (!missed || missed.to.seq > this.#place!.seq) return;
    this.#missed = undefined;
    const recovered = { from: formatPosition(missed.from), to: formatPosition(missed.to) };
    this.#tell((listener) => listener.recovered?.(recovered));
  }

  #lose({ epoch, oldest, seq }: Gap): void {
    this.#forget();
    this.#place = { epoch, seq };
    this.#tell((listener) => listener.gap?.({ epoch, oldest, seq }));
    this.#awaitState();
  }

  #apply(frame: Events, bytes: number): void {
    const events = this.#place ? newEvents(this.#place, frame) : "missed";
    if (events === "missed") return this.#line.tell({ type: "missed" });
    const last = events.at(-1);
    if (!last) return;
    // It would have come before them.
    if (!this.#resumed) this.#settleNone();
    // Moved before the handlers run: whatever they do, no event reaches one of them twice.
    this.#place = { epoch: frame.epoch, seq: last.seq };
    this.#state.apply(events);
    this.#flow.take(
      last.seq,
      bytes,
      this.#tell((listener) => listener.events?.(events)),
    );
    if (this.#early) this.#settle(this.#early);
    this.#recover();
  }

  /** There is no state. */
  #settleNone(): void {
    if (this.#place) this.#settle({ ...this.#place, events: [] });
  }

  #readState(): void {
    const state = this.#state;
    if (state.events || !this.#place || state === this.#reading) return;
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

  #settle(snapshot: Snapshot): void {
    if (this.#state.events || snapshot.epoch !== this.#place?.epoch) return;
    const early = snapshot.seq > this.#place.seq;
    this.#early = early ? snapshot : undefined;
    if (early) return;
    this.#state.settle(snapshot);
    this.#tell((listener) => listener.state?.());
  }

  #refused({ ref, code, message, retry_after_ms }: Refusal): void {
    const error = new RoomcastError(code, message, retry_after_ms);
    if (ref) return this.#outbox.refused(ref, error, Date.now());
    if (code !== "rate_limited") return report(error);
    this.#pace.refused(Date.now(), retry_after_ms);
    this.#presence.refused();
  }

  #flush(): void {
    const now = Date.now();
    const { phase, reason } = this.#line.connection;
    this.#outbox.expire(now);
    if (phase === "ended") this.#outbox.end(reason ?? "closed");
    const senders = [this.#presence, this.#outbox, this.#signals];
    if (phase !== "open") this.#signals.drop();
    else for (const each of senders) for (const text of each.take(now)) this.#line.send(text);
    this.#alarm.set(Math.min(...senders.map(({ dueAt }) => dueAt)));
  }

  /** Returns what the listeners have yet to do. */
  #tell(call: (listener: Listener) => unknown): Promise<unknown>[] {
    const doing = this.#listeners.tell(call);
    this.#save();
    this.#notify();
    return doing;
  }

  #notify(): void {
    this.#watchers.tell((watcher) => watcher());
  }
}
