/** A room as naive as can be: every event in one list. It follows the contract, and nothing else does it cleverly. */
import type { Page, RoomEvent, Snapshot } from "../../src/index.ts";
import { ModelPresence } from "./presence.ts";

export interface Peer {
  send(frame: object): void;
  close(code: number, reason?: string): void;
}

export interface Session {
  readonly id: string;
  readonly user: string;
  readonly peer: Peer;
  grants: readonly string[];
  expiresAt: number;
  readonly flow: Flow | undefined;
  /** The seq that it was sent last. */
  sent: number;
}

/** What is on its way to a session that has not said that it has seen it. */
interface Flow {
  readonly windowBytes: number;
  unseen: { seq: number; bytes: number }[];
}

export interface RoomSettings {
  /** How many events are retained. */
  retained: number;
  /** How many users may enter. */
  members: number;
  pingMs: number;
  /** How many events a replayed frame has. */
  eventsAFrame: number;
  /** Of a socket with flow control, and of a room's part in a connection. */
  windowBytes: { own: number; shared: number };
}

export interface NewEvent {
  name: string;
  data: unknown;
  id?: string;
  key?: string;
}

/** It fits, or is one frame more where hardly any is unseen. */
function takes({ windowBytes, unseen }: Flow, bytes: number): boolean {
  const unseenBytes = unseen.reduce((sum, frame) => sum + frame.bytes, 0);
  return unseenBytes <= windowBytes / 4 || unseenBytes + bytes <= windowBytes;
}

let drawn = 0;
const newEpoch = (): string => `epoch${String(++drawn).padStart(3, "0")}`;

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

  /** Also what is no longer retained, for the state. */
  #all: RoomEvent[] = [];

  join(
    who: { user: string; grants: readonly string[]; expiresAt: number },
    peer: Peer,
    { since, windowBytes }: { since: string | undefined; windowBytes: number | undefined },
  ): Session {
    const id = `s${++this.#sessions}`;
    const flow = windowBytes === undefined ? undefined : { windowBytes, unseen: [] };
    const session: Session = { id, peer, ...who, flow, sent: this.#head };
    this.sessions.add(session);
    const replay = since === undefined ? undefined : this.#after(since);
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
    } else this.#begin(session, recovered === false);
    return session;
  }

  #begin(session: Session, gap: boolean): void {
    session.sent = this.#head;
    if (gap) session.peer.send({ type: "gap", room: this.name, ...this.#gap() });
    if (this.snapshot.events.length > 0) session.peer.send({ type: "state", ...this.snapshot });
  }

  #gap(): object {
    return { epoch: this.epoch, oldest: this.oldest, seq: this.#head };
  }

  /** `undefined` if the position can't be resumed. */
  #after(since: string): RoomEvent[] | undefined {
    const [epoch, digits] = since.split(":");
    const seq = Number(digits);
    if (epoch !== this.epoch || seq > this.#head || seq < this.oldest - 1) return undefined;
    return this.events.filter((event) => event.seq > seq);
  }

  /** Sends what it has not been sent, as far as its window reaches. */
  #deliver(session: Session, size = this.settings.eventsAFrame): void {
    while (session.sent < this.#head) {
      if (session.sent < this.oldest - 1) return this.#begin(session, true);
      const start = session.sent + 1 - this.oldest;
      const events = this.events.slice(start, start + size);
      const bytes = Buffer.byteLength(events.map((event) => JSON.stringify(event)).join());
      if (session.flow && !takes(session.flow, bytes)) return;
      const { seq } = events.at(-1)!;
      session.flow?.unseen.push({ seq, bytes });
      session.sent = seq;
      session.peer.send(this.frameOf(events));
    }
  }

  /** Whether a user is a member, or may be one more. */
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

  append(news: readonly NewEvent[], from: string, at: number): { seqs: number[]; fresh: boolean } {
    const appended: RoomEvent[] = [];
    const seqs = news.map((event) => {
      const known = event.id && this.events.find(({ id }) => id === event.id);
      if (known) return known.seq;
      const { name, data, id, key } = event;
      const stored = { seq: ++this.#head, name, data, at, from, id, key };
      // As it would come off the wire: without the fields that are undefined.
      const whole = JSON.parse(JSON.stringify(stored)) as RoomEvent;
      appended.push(whole);
      this.events.push(whole);
      this.#all.push(whole);
      return stored.seq;
    });
    for (const session of this.sessions) {
      const isLive = session.sent === this.#head - appended.length;
      this.#deliver(session, isLive ? appended.length : undefined);
    }
    this.events = this.events.slice(-this.settings.retained);
    return { seqs, fresh: appended.length > 0 };
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
    this.events = this.#all = [];
    this.#head = 0;
  }

  end(session: Session, code: number): void {
    this.lose(session, code);
    session.peer.close(code);
  }

  /** Who is done leaves; who is not may be back in a moment. */
  lose(session: Session, code: number): void {
    this.sessions.delete(session);
    if ([1000, 1005, 4010, 4011].includes(code)) this.presence.leave(session);
    else this.presence.lose(session);
  }

  page(query: URLSearchParams): Page | undefined {
    const limit = Math.min(Number(query.get("limit") ?? 100), 1000);
    const since = query.get("since");
    const all =
      since === null ? this.events.slice(-Number(query.get("last") ?? limit)) : this.#after(since);
    if (all === undefined) return undefined;
    const events = all.slice(0, limit);
    const prev = (events[0]?.seq ?? this.#head + 1) - 1;
    return { epoch: this.epoch, prev, events, head: this.#head };
  }
}
