/** Limit of frames in one second, and at once. */
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

  /** Takes a token. Returns the delay until a retry in ms, if there is none. */
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
