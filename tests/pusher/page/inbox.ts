/** Longest wait for an entry. A test that passes never waits this long. */
const TIMEOUT_MS = 30_000;

/** Records what a client receives, in order. Each entry is read once. */
export class Inbox {
  readonly #entries: unknown[] = [];
  #notify = (): void => {};

  push(entry: unknown): void {
    this.#entries.push(JSON.parse(JSON.stringify(entry)));
    this.#notify();
  }

  /** Returns the next entry. Waits for it if there is none. */
  async next(): Promise<any> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(new Error("no entry arrived")), TIMEOUT_MS);
    try {
      while (this.#entries.length === 0) {
        const pushed = Promise.withResolvers<void>();
        this.#notify = pushed.resolve;
        await Promise.race([pushed.promise, late.promise]);
      }
    } finally {
      clearTimeout(timer);
    }
    return this.#entries.shift();
  }

  /** Returns the entries that have arrived and are not read yet. */
  unread(): unknown[] {
    return [...this.#entries];
  }
}
