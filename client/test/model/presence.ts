/** A model of presence. A broadcast contains the difference from the previous broadcast. */
import type { Member } from "../../src/index.ts";
import type { Session } from "./session.ts";

const WINDOW_MS = 50;
const GRACE_MS = 10_000;
const PAGE = 2;

interface UserEntry {
  user: string;
  session: string;
  data: unknown;
  since: number;
}

export class ModelPresence {
  readonly #room: string;
  readonly #now: () => number;
  /** Entries by session, including the entries of sessions in their grace period. */
  readonly #entries = new Map<string, UserEntry>();
  readonly #lastBroadcast = new Map<string, UserEntry>();
  /** For each connected session that has entered, `true` if the session has received the list. */
  readonly #entered = new Map<Session, boolean>();
  #windowOpen = false;

  constructor(room: string, now: () => number) {
    this.#room = room;
    this.#now = now;
  }

  get members(): Member[] {
    const members = new Map<string, Member["sessions"][number][]>();
    const entries = [...this.#entries.values()].sort((a, b) => (a.session < b.session ? -1 : 1));
    for (const { user, ...entry } of entries) {
      members.set(user, [...(members.get(user) ?? []), entry]);
    }
    return Array.from(members, ([user, sessions]) => ({ user, sessions })).sort((a, b) =>
      a.user < b.user ? -1 : 1,
    );
  }

  enter(session: Session, data: unknown): void {
    const { user, id } = session;
    const known = this.#entered.has(session) ? this.#entries.get(id) : undefined;
    if (JSON.stringify(known?.data) === JSON.stringify(data)) return;
    const since = known?.since ?? this.#now();
    if (!known) this.#removeDisconnected(user);
    this.#entries.set(id, { user, session: id, data, since });
    if (!known) this.#entered.set(session, false);
    this.#broadcast();
  }

  leave(session: Session): void {
    if (!this.#entered.delete(session)) return;
    this.#entries.delete(session.id);
    this.#broadcast();
  }

  /** Handles a lost connection: the entry stays until the grace ends. */
  disconnect(session: Session): void {
    if (!this.#entered.delete(session)) return;
    const entry = this.#entries.get(session.id);
    setTimeout(() => {
      if (this.#entries.get(session.id) !== entry) return;
      this.#entries.delete(session.id);
      this.#broadcast();
    }, GRACE_MS).unref();
  }

  /** Sends the list in pages of two members, as if the list were large. */
  sendList(session: Session): void {
    const all = this.members;
    for (let at = 0; at === 0 || at < all.length; at += PAGE) {
      const page = { type: "members", room: this.#room, members: all.slice(at, at + PAGE) };
      session.peer.send(at + PAGE < all.length ? { ...page, more: true } : page);
    }
  }

  #removeDisconnected(user: string): void {
    const connected = new Set([...this.#entered.keys()].map(({ id }) => id));
    for (const entry of this.#entries.values()) {
      if (entry.user === user && !connected.has(entry.session)) this.#entries.delete(entry.session);
    }
  }

  #broadcast(): void {
    if (this.#windowOpen) return;
    const change = this.#difference();
    const isChanged = Object.values(change).some((entries) => entries.length > 0);
    for (const [session, hasList] of this.#entered) {
      if (!hasList) this.sendList(session);
      else if (isChanged)
        session.peer.send({ type: "members:changed", room: this.#room, ...change });
      this.#entered.set(session, true);
    }
    if (!isChanged) return;
    this.#lastBroadcast.clear();
    for (const [id, entry] of this.#entries) this.#lastBroadcast.set(id, entry);
    this.#windowOpen = true;
    setTimeout(() => {
      this.#windowOpen = false;
      this.#broadcast();
    }, WINDOW_MS);
  }

  #difference() {
    const [now, before] = [[...this.#entries.values()], [...this.#lastBroadcast.values()]];
    return {
      entered: now.filter(({ session }) => !this.#lastBroadcast.has(session)),
      updated: now.filter((entry) => (this.#lastBroadcast.get(entry.session) ?? entry) !== entry),
      left: before.filter(({ session }) => !this.#entries.has(session)),
    };
  }
}
