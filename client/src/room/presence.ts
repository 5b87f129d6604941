/**
 * Who is in a room, and this client among them: what it wants to be known of itself, and what it
 * was told. It reads no clock and sends nothing itself.
 */
import { Listeners } from "../listeners.ts";
import type { RoomcastError } from "../codes.ts";
import type { Grant } from "./grant.ts";
import {
  checkBytes,
  MAX_PRESENCE_BYTES,
  WINDOW_MS,
  type Entry,
  type Member,
  type Members,
  type MembersChanged,
  type Welcome,
} from "../protocol.ts";
import type { Sender } from "./sender.ts";
import type { Report } from "../report.ts";

export interface Presence<Data = any> {
  /** Enters, and stays in with the newest data, across reconnects too, until `leave`. */
  enter(data?: Data): void;
  /** Replaces the data. Does nothing where this client has not entered. */
  update(data: Data): void;
  leave(): void;
  /**
   * Who is in, by user: another array after each change. `undefined` where it is not known, as it
   * is only while this client has entered.
   */
  readonly members: readonly Member<Data>[] | undefined;
  /** How many members there are, over HTTP: also for who has not entered. */
  count(): Promise<number>;
  /** Calls the watcher after every change of `members`. Returns what stops it. */
  subscribe(watcher: () => void): () => void;
}

/** What presence needs of its room. */
export interface PresenceOptions {
  readonly name: string;
  readonly grant: Grant;
  readonly report: Report;
  /** Keeps the room connected until what it returns is called, which calls `stop`. */
  use(stop?: () => void): () => void;
  /** There may be something to send. */
  flush(): void;
  countMembers(): Promise<number>;
}

/** How often a room that is full is asked whether somebody has left. */
const FULL_MS = 30_000;

export class RoomPresence implements Presence, Sender {
  readonly #options: PresenceOptions;
  readonly #watchers = new Listeners<() => void>();
  /** The frame that the session is to have entered with, and the one that it has; none for not at all. */
  #wanted: string | undefined;
  #sent: string | undefined;
  /** When the next may be sent; 0 while the session has sent nothing. */
  #windowEnd = 0;
  #data: unknown;
  #release: (() => void) | undefined;
  /** The open session, and the one by which the list knows this client. */
  #session: string | undefined;
  #listedSession: string | undefined;
  #isFull = false;
  /** Pages of a list of which more comes. */
  #pages: readonly Member[] = [];
  #members: readonly Member[] | undefined;

  constructor(host: PresenceOptions) {
    this.#options = host;
  }

  get members(): readonly Member[] | undefined {
    return this.#release && this.#members;
  }

  enter(data: unknown = null): void {
    const json = JSON.stringify(data);
    checkBytes(json, MAX_PRESENCE_BYTES);
    const wanted = JSON.stringify({ type: "enter", room: this.#options.name, data });
    if (wanted === this.#wanted) return;
    // Once it has said that it leaves, it is told nothing more.
    if (!this.#release && this.#sent === undefined) this.#members = undefined;
    this.#wanted = wanted;
    // As the others will have it.
    this.#data = JSON.parse(json);
    this.#release ??= this.#options.use();
    if (this.#members) this.#show(this.#members);
    this.#options.flush();
  }

  update(data: unknown): void {
    if (this.#release) this.enter(data);
  }

  leave(): void {
    const release = this.#release;
    if (!release) return;
    this.#release = this.#wanted = undefined;
    this.#notify();
    this.#options.flush();
    release();
  }

  count(): Promise<number> {
    return this.#options.countMembers();
  }

  readonly subscribe = (watcher: () => void): (() => void) =>
    this.#options.use(this.#watchers.add(watcher));

  onWelcome({ session }: Welcome): void {
    this.#session = session;
    this.onGrantChange();
  }

  /** Who may not be in any more has left. */
  onGrantChange(): void {
    if (this.#options.grant.has("presence")) return;
    this.#sent = undefined;
    this.#show();
  }

  /** The list stays until there is another: so nothing flickers. */
  onDisconnect(): void {
    this.#session = this.#sent = undefined;
    this.#windowEnd = 0;
    this.#pages = [];
  }

  onEnd(): void {
    this.#show();
  }

  /** The room refused a frame without saying which. What presence sent may be sent again. */
  onRateLimited(): void {
    if (this.#windowEnd > 0) this.#sent = "";
  }

  /** The room has as many members as it may. That is reported once, and not at each try. */
  onRoomFull(error: RoomcastError, now: number): void {
    if (!this.#isFull) this.#options.report(error);
    this.#isFull = true;
    this.#sent = undefined;
    this.#windowEnd = now + FULL_MS;
    this.#show();
  }

  /** A large list comes in pages. It is shown when the last one is there. */
  onMembers({ members, more }: Members): void {
    const all = [...this.#pages, ...members];
    this.#pages = more ? all : [];
    if (more) return;
    this.#isFull = false;
    this.#listedSession = this.#session;
    this.#show(all);
  }

  onMembersChanged(change: MembersChanged): void {
    if (this.#members) this.#show(fold(this.#members, change));
  }

  *drain(now: number): Generator<string> {
    if (now < this.dueAt) return;
    yield this.#wanted ?? JSON.stringify({ type: "leave", room: this.#options.name });
    this.#sent = this.#wanted;
    this.#windowEnd = now + WINDOW_MS;
  }

  get dueAt(): number {
    const isOwed = this.#session !== undefined && this.#sent !== this.#wanted;
    return isOwed && this.#options.grant.allows("presence") ? this.#windowEnd : Infinity;
  }

  #show(members?: readonly Member[]): void {
    if (!members && !this.#members) return;
    this.#members = members && withData(members, this.#listedSession, this.#data);
    this.#notify();
  }

  #notify(): void {
    this.#watchers.notify((watcher) => watcher());
  }
}

/** What is wanted of a session's data is shown at once: what the room tells of it may be older. */
function withData(members: readonly Member[], own: string | undefined, data: unknown): Member[] {
  const isOld = (entry: Entry): boolean => entry.session === own && entry.data !== data;
  return members.map((member) =>
    member.sessions.some(isOld)
      ? {
          ...member,
          sessions: member.sessions.map((entry) => (isOld(entry) ? { ...entry, data } : entry)),
        }
      : member,
  );
}

/** Members that did not change stay the same objects. */
function fold(members: readonly Member[], { entered, updated, left }: MembersChanged): Member[] {
  const byUser = new Map(members.map((member) => [member.user, member]));
  const othersOf = (user: string, session: string) =>
    byUser.get(user)?.sessions.filter((entry) => entry.session !== session) ?? [];
  for (const { user, session } of left) {
    byUser.set(user, { user, sessions: othersOf(user, session) });
  }
  for (const { user, ...entry } of [...entered, ...updated]) {
    const sessions = [...othersOf(user, entry.session), entry].sort(by("session"));
    byUser.set(user, { user, sessions });
  }
  return [...byUser.values()].filter(({ sessions }) => sessions.length > 0).sort(by("user"));
}

const by =
  <Key extends string>(key: Key) =>
  (a: Record<Key, string>, b: Record<Key, string>): number =>
    a[key] < b[key] ? -1 : 1;
