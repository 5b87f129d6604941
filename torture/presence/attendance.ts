/** Who has to be in a room, who may be, and who may not be any more. */
import assert from "node:assert/strict";

export interface Entry {
  user: string;
  /** Another with each entering; `null` where it enters but once. */
  data: number | null;
}

interface Known extends Entry {
  /** From here on it has to be listed, if it has been seen to enter. */
  from: number;
  /** It need not be listed any more … */
  until: number;
  /** … and from here on it may not. */
  goneBy: number;
}

/** Two ping periods, and 15 s after that: then nobody is listed who is not heard of. */
export const PING_TIMEOUT_MS = 65_000;

/** What a loaded machine may take to do what is done at once: less than the grace of who drops. */
const SLACK_MS = 9_000;

export class Attendance {
  readonly #known = new Map<string, Known>();

  /** It begins to enter; until `entered` nobody can say whether it is there. */
  enters(entry: Entry): void {
    this.#known.set(key(entry), { ...entry, from: Infinity, until: Infinity, goneBy: Infinity });
  }

  entered(entry: Entry): void {
    this.#of(entry).from = Date.now();
  }

  /** It begins to go, and has gone so many ms after this at the latest. */
  goes(entry: Entry, withinMs = 0): void {
    const known = this.#of(entry);
    known.until = Math.min(known.until, Date.now());
    known.goneBy = Math.min(known.goneBy, Date.now() + withinMs + SLACK_MS);
  }

  allGo(): void {
    for (const entry of this.#known.values()) this.goes(entry);
  }

  /** Holds a list that was asked for at `askedAt`, and came now, against what is known. */
  judge(listed: Entry[], askedAt: number): void {
    const keys = new Set(listed.map(key));
    assert.equal(keys.size, listed.length, "nobody is listed twice");
    for (const one of keys) {
      const known = this.#known.get(one);
      assert(known, `${one} never entered`);
      const late = askedAt - known.goneBy;
      assert(late < 0, `${one} is a ghost, ${late} ms past its time`);
    }
    for (const [one, { from, until }] of this.#known) {
      const isIn = from < askedAt && until > Date.now();
      assert(!isIn || keys.has(one), `${one} is missing`);
    }
    // Who was seen to go may not be listed ever again.
    for (const [one, { from, until }] of this.#known)
      if (from < until && until < askedAt && !keys.has(one)) this.#known.delete(one);
  }

  /** How many are on their way out, and may still be listed. */
  get going(): number {
    return [...this.#known.values()].filter(({ until }) => until < Infinity).length;
  }

  /** Those that have to be listed. */
  get members(): number {
    return [...this.#known.values()].filter(({ from, until }) => from < until && until === Infinity)
      .length;
  }

  #of(entry: Entry): Known {
    const known = this.#known.get(key(entry));
    assert(known);
    return known;
  }
}

/** As `Member.shown` has it. */
export const key = ({ user, data }: Entry): string => `${user} ${data}`;
