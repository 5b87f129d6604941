/** A simple model of a room, which follows the contract and stores every event in one list. */
import type { Page, RoomEvent, Snapshot } from "../../src/index.ts";
import { ModelPresence } from "./presence.ts";
import type { Flow, Peer, Session } from "./session.ts";

export interface RoomSettings {
  /** Number of retained events. */
  retained: number;
  /** Maximum number of members. */
  members: number;
  pingMs: number;
  /** Number of events in a frame of a replay. */
  eventsPerFrame: number;
  /**
   * Window of a room's own socket (`own`) with flow control, and window of a subscription on a
   * shared connection (`shared`).
   */
  windowBytes: { own: number; shared: number };
}

export interface NewEvent {
  name: string;
  data: unknown;
  id?: string;
  key?: string;
}

/**
 * Returns whether a frame may be sent. A frame may be sent if it fits into the window, or if the
 * unacknowledged frames fill at most a quarter of the window.
 */
function fitsWindow({ windowBytes, unseen }: Flow, bytes: number): boolean {
  const unseenBytes = unseen.reduce((sum, frame) => sum + frame.bytes, 0);
  return unseenBytes <= windowBytes / 4 || unseenBytes + bytes <= windowBytes;
}

let epochs = 0;
const newEpoch = (): string => `epoch${String(++epochs).padStart(3, "0")}`;

export class ModelRoom {
  readonly name: string;
  readonly settings: RoomSettings;
  readonly presence: ModelPresence;
  epoch = newEpoch();
  events: RoomEvent[] = [];
  sessions = new Set<Session>();
  #head = 0;
  #sessions = 0;

  constructor(name: string, settings: RoomSettings, now: () => number) {
    this.name = name;
    this.settings = settings;
    this.presence = new ModelPresence(name, now);
  }

  get head(): number {
    return this.#head;
  }

  get oldest(): number {
    return this.events[0]?.seq ?? this.#head + 1;
  }

  get snapshot(): Snapshot & { room: string } {
    const state = new Map<string, RoomEvent>();
    for (const event of this.#all) {
      if (event.key === undefined) continue;
      state.delete(event.key);
      if (event.data !== null) state.set(event.key, event);
    }
    return { room: this.name, epoch: this.epoch, seq: this.#head, events: [...state.values()] };
  }

  /**
   * All events, including old events that were removed from `events`. The state is derived from
   * these events.
   */
  #all: RoomEvent[] = [];

  join(
    identity: { user: string; grants: readonly string[]; expiresAt: number },
    peer: Peer,
    { since, windowBytes }: { since: string | undefined; windowBytes: number | undefined },
  ): Session {
    const id = `s${++this.#sessions}`;
    const flow = windowBytes === undefined ? undefined : { windowBytes, unseen: [] };
    const session: Session = { id, peer, ...identity, flow, sent: this.#head };
    this.sessions.add(session);
    const replay = since === undefined ? undefined : this.#eventsAfter(since);
    const recovered = since === undefined ? undefined : replay !== undefined;
    peer.send({
      type: "welcome",
      room: this.name,
      session: session.id,
      user: session.user,
      epoch: this.epoch,
      seq: this.#head,
      recovered,
      grant: session.grants,
      expires_at: session.expiresAt,
      ping_ms: this.settings.pingMs,
    });
    if (recovered) {
      session.sent = (replay?.[0]?.seq ?? this.#head + 1) - 1;
      this.#deliver(session);
    } else this.#restart(session, recovered === false);
    return session;
  }

  /** Skips to the head, and sends the state. */
  #restart(session: Session, gap: boolean): void {
    session.sent = this.#head;
    if (gap) session.peer.send({ type: "gap", room: this.name, ...this.#gap() });
    if (this.snapshot.events.length > 0) session.peer.send({ type: "state", ...this.snapshot });
  }

  #gap(): object {
    return { epoch: this.epoch, oldest: this.oldest, seq: this.#head };
  }

  /** Returns the events after a position, or `undefined` if the position can't be resumed. */
  #eventsAfter(since: string): RoomEvent[] | undefined {
    const [epoch, digits] = since.split(":");
    const seq = Number(digits);
    if (epoch !== this.epoch || seq > this.#head || seq < this.oldest - 1) return undefined;
    return this.events.filter((event) => event.seq > seq);
  }

  /** Sends the session its unsent events, up to its window. */
  #deliver(session: Session, size = this.settings.eventsPerFrame): void {
    while (session.sent < this.#head) {
      if (session.sent < this.oldest - 1) return this.#restart(session, true);
      const start = session.sent + 1 - this.oldest;
      const events = this.events.slice(start, start + size);
      const bytes = Buffer.byteLength(events.map((event) => JSON.stringify(event)).join());
      if (session.flow && !fitsWindow(session.flow, bytes)) return;
      const { seq } = events.at(-1)!;
      session.flow?.unseen.push({ seq, bytes });
      session.sent = seq;
      session.peer.send(this.frameOf(events));
    }
  }

  /** Returns whether a user is a member or can become a member. */
  hasSpaceFor(user: string): boolean {
    const { members } = this.presence;
    return members.length < this.settings.members || members.some((member) => member.user === user);
  }

  seen(session: Session, seq: number): void {
    const { flow } = session;
    if (flow) flow.unseen = flow.unseen.filter((frame) => frame.seq > seq);
    this.#deliver(session);
  }

  frameOf(events: RoomEvent[]): object {
    return {
      type: "events",
      room: this.name,
      epoch: this.epoch,
      prev: events[0]!.seq - 1,
      events,
    };
  }

  append(batch: readonly NewEvent[], from: string, at: number): { seqs: number[]; isNew: boolean } {
    const appended: RoomEvent[] = [];
    const seqs = batch.map((event) => {
      const known = event.id && this.events.find(({ id }) => id === event.id);
      if (known) return known.seq;
      const { name, data, id, key } = event;
      const stored = { seq: ++this.#head, name, data, at, from, id, key };
      // Parsing removes the fields that are undefined, so the event is stored as a client receives
      // it.
      const parsed = JSON.parse(JSON.stringify(stored)) as RoomEvent;
      appended.push(parsed);
      this.events.push(parsed);
      this.#all.push(parsed);
      return stored.seq;
    });
    for (const session of this.sessions) {
      const isLive = session.sent === this.#head - appended.length;
      this.#deliver(session, isLive ? appended.length : undefined);
    }
    this.events = this.events.slice(-this.settings.retained);
    return { seqs, isNew: appended.length > 0 };
  }

  signal(name: string, data: unknown, from: string, sender?: Session): void {
    for (const session of this.sessions) {
      if (session === sender) continue;
      session.peer.send({ type: "signal", room: this.name, name, data, from });
    }
  }

  erase(): void {
    for (const session of [...this.sessions]) this.end(session, 4011);
    this.epoch = newEpoch();
    this.events = [];
    this.#all = [];
    this.#head = 0;
  }

  end(session: Session, code: number): void {
    this.disconnect(session, code);
    session.peer.close(code);
  }

  /**
   * Ends a session. Its member leaves immediately after a deliberate close, and after a grace
   * period in all other cases.
   */
  disconnect(session: Session, code: number): void {
    this.sessions.delete(session);
    if ([1000, 1005, 4010, 4011].includes(code)) this.presence.leave(session);
    else this.presence.disconnect(session);
  }

  /** Returns the newest events up to a position, or `undefined` if the log has no such position. */
  #pageBefore(before: string, limit: number): Page | undefined {
    const [epoch, digits] = before.split(":");
    const last = Number(digits);
    if (epoch !== this.epoch || last > this.#head) return undefined;
    const events = this.events.filter(({ seq }) => seq <= last).slice(-limit);
    return { epoch, prev: (events[0]?.seq ?? last + 1) - 1, events, head: this.#head };
  }

  page(query: URLSearchParams): Page | undefined {
    const limit = Math.min(Number(query.get("limit") ?? 100), 1000);
    const before = query.get("before");
    if (before !== null) return this.#pageBefore(before, limit);
    const since = query.get("since");
    const all =
      since === null
        ? this.events.slice(-Number(query.get("last") ?? limit))
        : this.#eventsAfter(since);
    if (all === undefined) return undefined;
    const events = all.slice(0, limit);
    const prev = (events[0]?.seq ?? this.#head + 1) - 1;
    return { epoch: this.epoch, prev, events, head: this.#head };
  }
}
