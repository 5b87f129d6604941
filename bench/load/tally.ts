/** Counts what the sockets of one thread get, and when the last of them had each event. */
const MARK = "#".charCodeAt(0);
const DIGITS = 9;

/** The data of an event, as JSON text of that many bytes. */
export function data(number: number, bytes: number): string {
  const head = `{"n":"#${String(number).padStart(DIGITS, "0")}","pad":"`;
  return `${head}${"x".repeat(Math.max(0, bytes - head.length - 2))}"}`;
}

/** The data of `count` events, numbered from `first`. */
export const batch = (first: number, count: number, bytes: number): string[] =>
  Array.from({ length: count }, (_, i) => data(first + i, bytes));

/** The events of a frame: they are numbered on from `first`, which has been looked at. */
export interface Run {
  first: number;
  last: number;
}

export class Tally {
  frames = 0;
  events = 0;
  /** Events that came twice, or before one that was published earlier. */
  misordered = 0;
  /** Events that a socket never got, though it got a later one. */
  missing = 0;
  /** The frame with events that was not seen before. */
  newest = "";
  /** When the last of the thread's sockets had the event, by number; in ms of the machine. */
  readonly doneAt = new Map<number, number>();
  readonly #left = new Map<number, number>();
  readonly #known = new Map<number, { last: number; bytes: number }>();

  readonly #receivers: number;

  /** So many sockets wait for the events. */
  constructor(receivers: number) {
    this.#receivers = receivers;
  }

  /** A frame that a socket got which has had everything to `had`. Answers what it has now. */
  take(run: Run, had: number): number {
    this.frames += 1;
    this.events += run.last - run.first + 1;
    if (run.first > had + 1) this.missing += run.first - had - 1;
    else if (run.first <= had) this.misordered += had + 1 - run.first;
    for (let n = Math.max(run.first, had + 1); n <= run.last; n++) this.#count(n);
    return Math.max(had, run.last);
  }

  /** What events a frame holds; none in one that speaks of something else. */
  run(buffer: Buffer, start: number, end: number): Run | undefined {
    const frame = buffer.subarray(start, end);
    const at = frame.indexOf(MARK);
    if (at < 0) return undefined;
    const first = number(frame, at);
    // The same frame comes to every socket, and is read to its end once.
    const known = this.#known.get(first);
    if (known?.bytes === end - start) return { first, last: known.last };
    const last = readThrough(frame, at);
    this.#known.set(first, { last, bytes: frame.length });
    this.newest = frame.toString();
    return { first, last };
  }

  #count(n: number): void {
    const left = (this.#left.get(n) ?? this.#receivers) - 1;
    if (left > 0) return void this.#left.set(n, left);
    this.#left.delete(n);
    this.doneAt.set(n, now());
  }
}

function readThrough(frame: Buffer, from: number): number {
  let last = number(frame, from);
  for (let at = from + 1; (at = frame.indexOf(MARK, at)) >= 0; at++) {
    const next = number(frame, at);
    if (next !== last + 1) throw new Error(`event ${next} behind event ${last} in one frame`);
    last = next;
  }
  return last;
}

function number(frame: Buffer, mark: number): number {
  let value = 0;
  for (let at = mark + 1; at <= mark + DIGITS; at++) value = value * 10 + (frame[at]! - 48);
  return value;
}

/** ms on a clock that all threads share. */
export const now = (): number => Number(process.hrtime.bigint()) / 1e6;
