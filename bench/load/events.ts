/**
 * Creates numbered events, counts received events, and records when the last socket received each
 * event.
 */
const MARK = "#".charCodeAt(0);
const DIGITS = 9;

/** Returns the data of an event, as JSON text of `bytes` bytes. */
export function eventData(number: number, bytes: number): string {
  const head = `{"n":"#${String(number).padStart(DIGITS, "0")}","pad":"`;
  return `${head}${"x".repeat(Math.max(0, bytes - head.length - 2))}"}`;
}

/** Returns the data of `count` events, numbered from `first`. */
export const eventBatch = (first: number, count: number, bytes: number): string[] =>
  Array.from({ length: count }, (_, i) => eventData(first + i, bytes));

/**
 * Numbers of the first and the last event in a frame. `parse` has verified that no number between
 * them is missing.
 */
export interface EventRange {
  first: number;
  last: number;
}

/** Counts the events that the sockets of one thread receive. */
export class EventCounter {
  frames = 0;
  events = 0;
  /** Number of events that arrived twice, or after an event with a higher number. */
  misordered = 0;
  /** Number of events that a socket had not received when it received a later event. */
  missing = 0;
  /** Text of the last frame with events that no socket had received before. */
  newest = "";
  /**
   * Maps an event's number to the time when the last of the thread's sockets received the event.
   * The time is on the clock of `now`.
   */
  readonly deliveredAt = new Map<number, number>();
  readonly #left = new Map<number, number>();
  readonly #known = new Map<number, { last: number; bytes: number }>();
  readonly #receivers: number;

  /** Counts events for this number of sockets. */
  constructor(receivers: number) {
    this.#receivers = receivers;
  }

  /**
   * Records a frame that arrived at a socket. `lastReceived` is the number of the last event that
   * the socket had received before. Returns the new value of `lastReceived`.
   */
  record({ first, last }: EventRange, lastReceived: number): number {
    this.frames += 1;
    this.events += last - first + 1;
    if (first > lastReceived + 1) this.missing += first - lastReceived - 1;
    else if (first <= lastReceived) this.misordered += lastReceived + 1 - first;
    for (let n = Math.max(first, lastReceived + 1); n <= last; n++) this.#countDown(n);
    return Math.max(lastReceived, last);
  }

  /** Returns the range of events in a frame, or `undefined` for a frame without events. */
  parse(buffer: Buffer, start: number, end: number): EventRange | undefined {
    const frame = buffer.subarray(start, end);
    const at = frame.indexOf(MARK);
    if (at < 0) return undefined;
    const first = numberAt(frame, at);
    // Every socket receives the same frame, so only the first copy is scanned to its end.
    const known = this.#known.get(first);
    if (known?.bytes === end - start) return { first, last: known.last };
    const last = lastNumber(frame, at);
    this.#known.set(first, { last, bytes: frame.length });
    this.newest = frame.toString();
    return { first, last };
  }

  #countDown(n: number): void {
    const left = (this.#left.get(n) ?? this.#receivers) - 1;
    if (left > 0) return void this.#left.set(n, left);
    this.#left.delete(n);
    this.deliveredAt.set(n, now());
  }
}

/** Scans a frame to its end. Throws if the numbers of its events are not consecutive. */
function lastNumber(frame: Buffer, from: number): number {
  let last = numberAt(frame, from);
  for (let at = from + 1; (at = frame.indexOf(MARK, at)) >= 0; at++) {
    const next = numberAt(frame, at);
    if (next !== last + 1) throw new Error(`event ${next} follows event ${last} in one frame`);
    last = next;
  }
  return last;
}

function numberAt(frame: Buffer, mark: number): number {
  let value = 0;
  for (let at = mark + 1; at <= mark + DIGITS; at++) value = value * 10 + (frame[at]! - 48);
  return value;
}

/** Returns the time in ms, on a clock that all threads of the machine share. */
export const now = (): number => Number(process.hrtime.bigint()) / 1e6;
