/**
 * Returns the milliseconds of a monotonic clock, for deadlines and durations. The wall clock
 * (`Date.now`) is not suitable, because people and time servers set it forward and back.
 */
export const now = (): number => (globalThis.performance ?? Date).now();

/** Converts a time of the clock `now` to wall-clock time, in ms since 1970. */
export const wallTimeOf = (instant: number): number => Date.now() + Math.ceil(instant - now());

/**
 * Smallest change of the wall clock that counts as a step. A smaller change is a drift between the
 * two clocks, or a time server's correction of that drift.
 */
const STEP_MS = 2_000;

/**
 * Detects that the wall clock was set. Also detects that the machine was suspended, if the
 * monotonic clock stood still during the suspension.
 */
export class StepDetector {
  #wallAheadMs = Date.now() - now();

  /** Returns whether the wall clock has stepped since the last call. */
  hasStepped(): boolean {
    const before = this.#wallAheadMs;
    this.#wallAheadMs = Date.now() - now();
    return Math.abs(this.#wallAheadMs - before) > STEP_MS;
  }
}
