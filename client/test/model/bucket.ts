/** Maximum number of frames per second, and maximum number in one burst. */
export interface RateLimit {
  readonly perSecond: number;
  readonly burst: number;
}

export class Bucket {
  readonly #limit: RateLimit;
  readonly #now: () => number;
  #allowance: number;
  #refilledAt: number;

  constructor(limit: RateLimit, now: () => number) {
    this.#limit = limit;
    this.#now = now;
    this.#allowance = limit.burst;
    this.#refilledAt = now();
  }

  /** Acquires a token. If no token is available, returns the delay before a retry in ms. */
  tryAcquire(): number | undefined {
    const { perSecond, burst } = this.#limit;
    const refill = ((this.#now() - this.#refilledAt) / 1000) * perSecond;
    this.#allowance = Math.min(burst, this.#allowance + refill);
    this.#refilledAt = this.#now();
    if (this.#allowance < 1) return 1000 / perSecond;
    this.#allowance--;
    return undefined;
  }
}
