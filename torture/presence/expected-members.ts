/** Tracks which members a room must list, may list, and must not list. */
import assert from "node:assert/strict";

export interface Entry {
  user: string;
  /**
   * Data of the entry. Each entry of a user has different data. `null` for a user who enters only
   * once.
   */
  data: number | null;
}

interface Expected extends Entry {
  /**
   * The room must list the entry from this time until the time `until`. `Infinity` before the room
   * has confirmed the entry.
   */
  from: number;
  until: number;
  /** Time from which the room must not list the entry. */
  goneBy: number;
}

/**
 * Time after which the room must not list a member that sends nothing: two ping periods plus 15 s.
 */
export const PING_TIMEOUT_MS = 65_000;

/**
 * Time that a busy machine may need for an immediate change. This time is shorter than the grace
 * after a drop.
 */
const SLACK_MS = 9_000;

export class ExpectedMembers {
  readonly #entries = new Map<string, Expected>();

  /**
   * Records that an entry was sent. Until `entered` is called, the room may or may not list the
   * entry.
   */
  entering(entry: Entry): void {
    this.#entries.set(key(entry), { ...entry, from: Infinity, until: Infinity, goneBy: Infinity });
  }

  entered(entry: Entry): void {
    this.#of(entry).from = Date.now();
  }

  /** Records that a member has begun to leave. The room must remove the member within `withinMs`. */
  leaving(entry: Entry, withinMs = 0): void {
    const expected = this.#of(entry);
    expected.until = Math.min(expected.until, Date.now());
    expected.goneBy = Math.min(expected.goneBy, Date.now() + withinMs + SLACK_MS);
  }

  allLeaving(): void {
    for (const entry of this.#entries.values()) this.leaving(entry);
  }

  /** Checks a list that was requested at `requestedAt` and has just arrived. */
  check(listed: Entry[], requestedAt: number): void {
    const keys = new Set(listed.map(key));
    assert.equal(keys.size, listed.length, "no member is listed twice");
    for (const one of keys) {
      const expected = this.#entries.get(one);
      assert(expected, `${one} never entered`);
      const late = requestedAt - expected.goneBy;
      assert(late < 0, `${one} is still listed, ${late} ms too late`);
    }
    for (const [one, { from, until }] of this.#entries) {
      const isMember = from < requestedAt && until > Date.now();
      assert(!isMember || keys.has(one), `${one} is missing`);
    }
    // Deletes the entries that the room has removed. If the room lists a deleted entry again, the
    // check above fails.
    for (const [one, { from, until }] of this.#entries)
      if (from < until && until < requestedAt && !keys.has(one)) this.#entries.delete(one);
  }

  /** Number of members that are leaving, and may still be listed. */
  get leavingCount(): number {
    return [...this.#entries.values()].filter(({ until }) => until < Infinity).length;
  }

  /** Number of members that the room must list. */
  get members(): number {
    return [...this.#entries.values()].filter(
      ({ from, until }) => from < until && until === Infinity,
    ).length;
  }

  #of(entry: Entry): Expected {
    const expected = this.#entries.get(key(entry));
    assert(expected);
    return expected;
  }
}

/** Formats an entry as `Member.shown` does. */
export const key = ({ user, data }: Entry): string => `${user} ${data}`;
