import { now } from "./clock.ts";

/**
 * Longest delay of a timer. In every runtime, a longer delay overflows, and the timer fires
 * immediately.
 */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** A timer that fires at a time of the clock `now`, and never earlier. */
export class Timer {
  readonly #onDue: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(onDue: () => void) {
    this.#onDue = onDue;
  }

  /**
   * Sets the time when the timer fires, which replaces the time that was set before. `Infinity`
   * stops the timer.
   */
  set(at: number): void {
    clearTimeout(this.#timer);
    if (at === Infinity) return;
    this.#timer = setTimeout(
      // A runtime's timer may fire early, because it counts whole milliseconds.
      () => (now() < at ? this.set(at) : this.#onDue()),
      Math.min(at - now(), MAX_DELAY_MS),
    );
  }
}
