/**
 * Milliseconds on a clock that only goes forward, for deadlines and durations. The wall clock
 * (`Date.now`) is set back and forth by people and by time servers.
 */
export const now = (): number => (globalThis.performance ?? Date).now();

/** The wall-clock time of an instant of `now`, in ms since 1970. */
export const wallTimeOf = (instant: number): number => Date.now() + Math.ceil(instant - now());

/** A smaller change is the two clocks drifting apart, or a time server correcting that. */
const STEP_MS = 2_000;

/** Notices that the wall clock was set, or that the machine slept while the other clock stood still. */
export class StepDetector {
  #ahead = Date.now() - now();

  /** Whether the wall clock has stepped since this was last asked. */
  hasStepped(): boolean {
    const before = this.#ahead;
    this.#ahead = Date.now() - now();
    return Math.abs(this.#ahead - before) > STEP_MS;
  }
}
