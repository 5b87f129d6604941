import { now } from "./clock.ts";

/** A longer delay overflows in the timers of every runtime and fires at once. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** One timer, set to the next time (of `now`) that something is due. It never rings before. */
export class Alarm {
  readonly #ring: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(ring: () => void) {
    this.#ring = ring;
  }

  /** `Infinity` for never. */
  set(at: number): void {
    clearTimeout(this.#timer);
    if (at === Infinity) return;
    this.#timer = setTimeout(
      // A runtime's own does: it counts whole milliseconds.
      () => (now() < at ? this.set(at) : this.#ring()),
      Math.min(at - now(), MAX_DELAY_MS),
    );
  }
}
