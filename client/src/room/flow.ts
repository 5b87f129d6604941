/** A frame of events whose handlers have been called. */
interface Handled {
  readonly seq: number;
  readonly bytes: number;
  done: boolean;
}

/**
 * Flow control: tells the room what was seen, as the handlers have done with it, once a quarter of
 * the window has come since. Never by a timer: it would wake the room.
 */
export class Flow {
  readonly #quarter: number;
  readonly #see: (seq: number) => void;
  /** From the oldest that its handlers have not done with. */
  #frames: Handled[] = [];
  #bytes = 0;

  constructor(windowBytes: number, see: (seq: number) => void) {
    this.#quarter = windowBytes / 4;
    this.#see = see;
  }

  /** A frame came, up to this seq. `handling` is what its handlers have yet to do. */
  track(seq: number, bytes: number, handling: readonly Promise<unknown>[]): void {
    const frame: Handled = { seq, bytes, done: handling.length === 0 };
    this.#frames.push(frame);
    if (frame.done) return this.#advance();
    void Promise.all(handling).then(() => {
      frame.done = true;
      this.#advance();
    });
  }

  /** The next connection counts from where it begins. */
  reset(): void {
    this.#frames = [];
    this.#bytes = 0;
  }

  #advance(): void {
    while (this.#frames[0]?.done) {
      const { seq, bytes } = this.#frames.shift()!;
      this.#bytes += bytes;
      if (this.#bytes < this.#quarter) continue;
      this.#bytes = 0;
      this.#see(seq);
    }
  }
}
