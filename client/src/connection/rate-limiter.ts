/**
 * Below the server's limits of 50 frames a second in bursts of 100: of frames sent faster it would
 * refuse some and take later ones, out of their order.
 */
const RATE_PER_MS = 0.045;
const BURST = 90;
const RETRY_MS = 1_000;

/** How fast frames may be sent. It reads no clock. */
export class RateLimiter {
  /** How many may be sent at `#countedAt`; below zero where the server asked to be left alone. */
  #allowance = BURST;
  #countedAt = 0;

  /** Whether one more may be sent now. */
  tryAcquire(now: number): boolean {
    const refill = (now - this.#countedAt) * RATE_PER_MS;
    this.#allowance = Math.min(BURST, this.#allowance + refill);
    this.#countedAt = now;
    if (this.#allowance < 1) return false;
    this.#allowance--;
    return true;
  }

  /** When one more may be sent that may not yet. */
  get resumeAt(): number {
    return this.#countedAt + Math.ceil((1 - this.#allowance) / RATE_PER_MS);
  }

  /** One was too many. */
  onRefusal(now: number, retryAfterMs = RETRY_MS): void {
    this.#countedAt = now;
    this.#allowance = 1 - retryAfterMs * RATE_PER_MS;
  }
}
