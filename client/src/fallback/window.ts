/** In characters. The handlers have always seen all but 256 KiB of what they have done with. */
const WINDOW = 512 * 1024;

/** What was handed to the handlers and they have yet to take: a reader reads no further ahead. */
export class Window {
  readonly #unseen: { readonly seq: number; readonly size: number }[] = [];
  #size = 0;
  #open: (() => void) | undefined;

  handed(seq: number, size: number): void {
    this.#unseen.push({ seq, size });
    this.#size += size;
  }

  seen(seq: number): void {
    while (this.#unseen.length > 0 && this.#unseen[0]!.seq <= seq) {
      this.#size -= this.#unseen.shift()!.size;
    }
    if (!this.isFull) this.#open?.();
  }

  get isFull(): boolean {
    return this.#size > WINDOW;
  }

  opened(): Promise<void> {
    return new Promise((resolve) => (this.#open = resolve));
  }
}
