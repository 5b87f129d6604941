/**
 * Below the room's limit of 50 frames a second in bursts of 100: of publishes sent faster it would
 * refuse some and take later ones, out of their order.
 */
const PER_MS = 0.045;
const BURST = 90;

/** How often a room may be sent a frame. It reads no clock. */
export class Rate {
  /** How many may be sent at `#countedAt`; below zero where the room asked to be left alone. */
  #allowance = BURST;
  #countedAt = 0;

  /** Whether a frame may be sent now. If so, it counts as sent. */
  take(now: number): boolean {
    const refill = (now - this.#countedAt) * PER_MS;
    this.#allowance = Math.min(BURST, this.#allowance + refill);
    this.#countedAt = now;
    if (this.#allowance < 1) return false;
    this.#allowance--;
    return true;
  }

  /** The room asks to be left alone for so long. */
  pause(now: number, forMs = 1_000): void {
    this.#countedAt = now;
    this.#allowance = 1 - forMs * PER_MS;
  }

  /** When the next frame may be sent. */
  get dueAt(): number {
    return this.#countedAt + Math.ceil((1 - this.#allowance) / PER_MS);
  }
}
