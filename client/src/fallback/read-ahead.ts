/**
 * Limit of the read-ahead in characters. The client sends `seen` at least once for every 256 KiB of
 * events that its handlers have finished. This limit is higher than 256 KiB, so the client always
 * sends a `seen` after the limit is reached. That `seen` frees space.
 */
const MAX_CHARACTERS = 512 * 1024;

/**
 * Counts the characters of emitted events that are not yet acknowledged with `seen`. At the limit,
 * the reader pauses.
 */
export class ReadAhead {
  readonly #unseen: { readonly seq: number; readonly size: number }[] = [];
  #size = 0;
  #onSpace: (() => void) | undefined;

  add(seq: number, size: number): void {
    this.#unseen.push({ seq, size });
    this.#size += size;
  }

  seen(seq: number): void {
    while (this.#unseen.length > 0 && this.#unseen[0]!.seq <= seq) {
      this.#size -= this.#unseen.shift()!.size;
    }
    if (!this.isFull) this.#onSpace?.();
  }

  get isFull(): boolean {
    return this.#size > MAX_CHARACTERS;
  }

  waitForSpace(): Promise<void> {
    return new Promise((resolve) => (this.#onSpace = resolve));
  }
}
