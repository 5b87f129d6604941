/**
 * Rate and burst of sent frames. They are below the server's defaults: 50 frames a second in bursts
 * of 100. If frames were sent faster, the server would refuse some frames and accept later frames,
 * so the order would change.
 */
const RATE_PER_MS = 0.045;
const BURST = 90;
/** Pause after a refusal that names no delay. */
const DEFAULT_RETRY_MS = 1_000;

/** Limits the rate of sent frames. Reads no clock. */
export class RateLimiter {
  /** Number of frames allowed at `#countedAt`, negative after a refusal. */
  #allowance = BURST;
  #countedAt = 0;

  /** Returns whether one more frame may be sent now, and counts that frame. */
  tryAcquire(now: number): boolean {
    const refill = (now - this.#countedAt) * RATE_PER_MS;
    this.#allowance = Math.min(BURST, this.#allowance + refill);
    this.#countedAt = now;
    if (this.#allowance < 1) return false;
    this.#allowance--;
    return true;
  }

  /** Time when the next frame is allowed. Valid after `tryAcquire` has returned `false`. */
  get resumeAt(): number {
    return this.#countedAt + Math.ceil((1 - this.#allowance) / RATE_PER_MS);
  }

  /** Handles a refusal: allows no frame for `retryAfterMs`. */
  onRefusal(now: number, retryAfterMs = DEFAULT_RETRY_MS): void {
    this.#countedAt = now;
    this.#allowance = 1 - retryAfterMs * RATE_PER_MS;
  }
}
