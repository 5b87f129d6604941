/** A longer delay overflows in the timers of every runtime and fires at once. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** One timer, set to the next time that something is due. It may ring early, if that is weeks away. */
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
    this.#timer = setTimeout(this.#ring, Math.min(at - Date.now(), MAX_DELAY_MS));
  }
}
