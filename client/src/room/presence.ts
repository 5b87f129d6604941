/**
 * The presence in a room: the data that this client sends, and the list of members that it has
 * received. Reads no clock and sends nothing itself.
 */
import { Listeners } from "../listeners.ts";
import type { RoomcastError } from "../codes.ts";
import type { Grant } from "./grant.ts";
import { checkBytes, MAX_PRESENCE_BYTES, WINDOW_MS } from "../limits.ts";
import type {
  Entry,
  Member,
  MembersChangedFrame,
  MembersFrame,
  WelcomeFrame,
} from "../protocol.ts";
import type { Sender } from "./sender.ts";
import type { Report } from "../report.ts";

/** Members of a room, and the entry of this client. */
export interface Presence<Data = any> {
  /**
   * Enters the room. Until `leave`, this client stays a member with its newest data, even if it
   * reconnects. Throws `too_large` if the data has more than 2 KiB of JSON.
   */
  enter(data?: Data): void;
  /**
   * Replaces the data, with the same limit as `enter`. Does nothing if this client has not entered
   * the room.
   */
  update(data: Data): void;
  /** Leaves the room. The other members are notified immediately. */
  leave(): void;
  /**
   * The members, one for each user. Each change creates a new array. `undefined` while the list is
   * unknown. The list is unknown before this client enters the room, and after it leaves.
   */
  readonly members: readonly Member<Data>[] | undefined;
  /**
   * Reads the number of members over HTTP. This client need not have entered the room. Rejects with
   * a `RoomcastError`.
   */
  count(): Promise<number>;
  /**
   * Calls the watcher after every change of `members`, and keeps the room connected. Returns a
   * function that removes the watcher.
   */
  subscribe(watcher: () => void): () => void;
}

/** The part of a room that presence uses. */
export interface PresenceOptions {
  readonly name: string;
  readonly grant: Grant;
  readonly report: Report;
  /**
   * Uses the room, which stays connected until the returned function is called. The returned
   * function also calls `stop`.
   */
  use(stop?: () => void): () => void;
  /** Sends the frames that are due. */
  flush(): void;
  countMembers(): Promise<number>;
}

/** Interval of the attempts to enter a full room. */
const FULL_MS = 30_000;

export class RoomPresence implements Presence, Sender {
  readonly #options: PresenceOptions;
  readonly #watchers = new Listeners<() => void>();
  /**
   * The `enter` frame with the newest data, and the frame that was sent last. `undefined` means
   * that this client is not a member.
   */
  #wanted: string | undefined;
  #sent: string | undefined;
  /** Time when the next frame may be sent, or 0 while the session has sent no frame. */
  #nextSendAt = 0;
  #data: unknown;
  #release: (() => void) | undefined;
  /**
   * The id of the open session, and the id of this client's session in the list. The list may be
   * from an earlier session.
   */
  #session: string | undefined;
  #listedSession: string | undefined;
  #isFull = false;
  /** The pages of an incomplete list. */
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
    // After `leave`, the room sends no changes, so the list is outdated.
    if (!this.#release && this.#sent === undefined) this.#members = undefined;
    this.#wanted = wanted;
    // The data as the other members receive it.
    this.#data = JSON.parse(json);
    this.#release ??= this.#options.use();
    if (this.#members) this.#setMembers(this.#members);
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

  onWelcome({ session }: WelcomeFrame): void {
    this.#session = session;
    this.onGrantChange();
  }

  /** Handles a changed grant: a client without the right `presence` is no longer a member. */
  onGrantChange(): void {
    if (this.#options.grant.has("presence")) return;
    this.#sent = undefined;
    this.#setMembers();
  }

  /**
   * Handles a lost connection. The list stays until the next list is received, so that nothing
   * flickers.
   */
  onDisconnect(): void {
    this.#session = this.#sent = undefined;
    this.#nextSendAt = 0;
    this.#pages = [];
  }

  onEnd(): void {
    this.#setMembers();
  }

  /**
   * Handles a refusal that names no frame. The refused frame may be the last presence frame, so the
   * last presence frame is sent again.
   */
  onRateLimited(): void {
    if (this.#nextSendAt > 0) this.#sent = "";
  }

  /**
   * Handles the refusal of `enter` by a room that has its maximum number of members. Retries
   * `enter` after `FULL_MS`, but reports only the first refusal.
   */
  onRoomFull(error: RoomcastError, now: number): void {
    if (!this.#isFull) this.#options.report(error);
    this.#isFull = true;
    this.#sent = undefined;
    this.#nextSendAt = now + FULL_MS;
    this.#setMembers();
  }

  /**
   * Handles a list, or a page of a large list. The list is shown when its last page is received.
   */
  onMembers({ members, more }: MembersFrame): void {
    const all = [...this.#pages, ...members];
    this.#pages = more ? all : [];
    if (more) return;
    this.#isFull = false;
    this.#listedSession = this.#session;
    this.#setMembers(all);
  }

  onMembersChanged(change: MembersChangedFrame): void {
    if (this.#members) this.#setMembers(applyChange(this.#members, change));
  }

  *drain(now: number): Generator<string> {
    if (now < this.dueAt) return;
    yield this.#wanted ?? JSON.stringify({ type: "leave", room: this.#options.name });
    this.#sent = this.#wanted;
    this.#nextSendAt = now + WINDOW_MS;
  }

  get dueAt(): number {
    const hasChange = this.#session !== undefined && this.#sent !== this.#wanted;
    return hasChange && this.#options.grant.allows("presence") ? this.#nextSendAt : Infinity;
  }

  #setMembers(members?: readonly Member[]): void {
    if (!members && !this.#members) return;
    this.#members = members && withOwnData(members, this.#listedSession, this.#data);
    this.#notify();
  }

  #notify(): void {
    this.#watchers.notify((watcher) => watcher());
  }
}

/**
 * Replaces the data of this client's session with the newest data, because the room's data may be
 * older.
 */
function withOwnData(members: readonly Member[], own: string | undefined, data: unknown): Member[] {
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

/** Applies a change. Unchanged members stay the same objects. */
function applyChange(
  members: readonly Member[],
  { entered, updated, left }: MembersChangedFrame,
): Member[] {
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
