/**
 * Returns the milliseconds of a monotonic clock, for deadlines and durations. People and time
 * servers set the wall clock (`Date.now`) forward and back.
 */
export const now = (): number => (globalThis.performance ?? Date).now();

/** Returns the wall-clock time of an instant of `now`, in ms since 1970. */
export const wallTimeOf = (instant: number): number => Date.now() + Math.ceil(instant - now());

/**
 * Smallest change that counts as a step. A smaller one is a drift between the two clocks, or its
 * correction by a time server.
 */
const STEP_MS = 2_000;

/**
 * Detects that the wall clock was set, or that the machine was suspended while the monotonic clock
 * stood still.
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
