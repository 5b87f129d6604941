/**
 * Limit in characters. `seen` is at most 256 KiB behind the events that the handlers have finished,
 * so it always frees space.
 */
const MAX_CHARACTERS = 512 * 1024;

/** Counts the events that were emitted and not yet seen. At the limit, a reader stops reading. */
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
