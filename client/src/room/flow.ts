/** A frame of events whose handlers were called. */
interface TrackedFrame {
  readonly seq: number;
  readonly bytes: number;
  done: boolean;
}

/**
 * Implements flow control: sends `seen` each time the handlers have finished enough events to fill
 * a quarter of the window. No timer sends `seen`, because each `seen` wakes the room.
 */
export class Flow {
  readonly #quarter: number;
  readonly #sendSeen: (seq: number) => void;
  /** The tracked frames, starting with the oldest frame whose handlers have not finished. */
  #frames: TrackedFrame[] = [];
  #bytes = 0;

  constructor(windowBytes: number, see: (seq: number) => void) {
    this.#quarter = windowBytes / 4;
    this.#sendSeen = see;
  }

  /**
   * Records a frame whose last event has the seq `seq`. `handling` contains the promises of the
   * frame's handlers.
   */
  track(seq: number, bytes: number, handling: readonly Promise<unknown>[]): void {
    const frame: TrackedFrame = { seq, bytes, done: handling.length === 0 };
    this.#frames.push(frame);
    if (frame.done) return this.#advance();
    void Promise.all(handling).then(() => {
      frame.done = true;
      this.#advance();
    });
  }

  /** Resets the count of bytes, because each connection counts from 0. */
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
      this.#sendSeen(seq);
    }
  }
}
