/** Presence of the contract: what is told is the difference to what was told before. */
import type { Member } from "../../src/index.ts";
import type { Session } from "./room.ts";

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
  /** By session, with those whose sessions were lost a moment ago. */
  readonly #entries = new Map<string, UserEntry>();
  readonly #told = new Map<string, UserEntry>();
  /** Who is in, and whether the session has the list. */
  readonly #inside = new Map<Session, boolean>();
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
    const known = this.#inside.has(session) ? this.#entries.get(id) : undefined;
    if (JSON.stringify(known?.data) === JSON.stringify(data)) return;
    const since = known?.since ?? this.#now();
    if (!known) this.#forgetLost(user);
    this.#entries.set(id, { user, session: id, data, since });
    if (!known) this.#inside.set(session, false);
    this.#broadcast();
  }

  leave(session: Session): void {
    if (!this.#inside.delete(session)) return;
    this.#entries.delete(session.id);
    this.#broadcast();
  }

  /** Its socket dropped: it may be back in a moment. */
  lose(session: Session): void {
    if (!this.#inside.delete(session)) return;
    const entry = this.#entries.get(session.id);
    setTimeout(() => {
      if (this.#entries.get(session.id) !== entry) return;
      this.#entries.delete(session.id);
      this.#broadcast();
    }, GRACE_MS).unref();
  }

  /** In pages of two, as if each were large. */
  list(session: Session): void {
    const all = this.members;
    for (let at = 0; at === 0 || at < all.length; at += PAGE) {
      const page = { type: "members", room: this.#room, members: all.slice(at, at + PAGE) };
      session.peer.send(at + PAGE < all.length ? { ...page, more: true } : page);
    }
  }

  #forgetLost(user: string): void {
    const here = new Set([...this.#inside.keys()].map(({ id }) => id));
    for (const entry of this.#entries.values()) {
      if (entry.user === user && !here.has(entry.session)) this.#entries.delete(entry.session);
    }
  }

  #broadcast(): void {
    if (this.#windowOpen) return;
    const change = this.#difference();
    const isChanged = Object.values(change).some((entries) => entries.length > 0);
    for (const [session, listed] of this.#inside) {
      if (!listed) this.list(session);
      else if (isChanged)
        session.peer.send({ type: "members:changed", room: this.#room, ...change });
      this.#inside.set(session, true);
    }
    if (!isChanged) return;
    this.#told.clear();
    for (const [id, entry] of this.#entries) this.#told.set(id, entry);
    this.#windowOpen = true;
    setTimeout(() => {
      this.#windowOpen = false;
      this.#broadcast();
    }, WINDOW_MS);
  }

  #difference() {
    const [now, told] = [[...this.#entries.values()], [...this.#told.values()]];
    return {
      entered: now.filter(({ session }) => !this.#told.has(session)),
      updated: now.filter((entry) => (this.#told.get(entry.session) ?? entry) !== entry),
      left: told.filter(({ session }) => !this.#entries.has(session)),
    };
  }
}
