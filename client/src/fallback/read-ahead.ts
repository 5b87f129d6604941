/** In characters. The handlers have always seen all but 256 KiB of what they have done with. */
const WINDOW = 512 * 1024;

/** What was handed to the handlers and they have yet to take: a reader reads no further ahead. */
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
    return this.#size > WINDOW;
  }

  waitForSpace(): Promise<void> {
    return new Promise((resolve) => (this.#onSpace = resolve));
  }
}
