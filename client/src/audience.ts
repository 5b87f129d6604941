import { guard } from "./report.ts";

/** Who wants to be told. The same one may listen twice, and stop while it is being told. */
export class Audience<Listener> {
  /** Boxed, so that each time counts. */
  readonly #boxes = new Set<{ readonly listener: Listener }>();

  /** Returns what ends it. */
  add(listener: Listener): () => void {
    const box = { listener };
    this.#boxes.add(box);
    return () => this.#boxes.delete(box);
  }

  /** What one throws keeps nothing from the others. Returns what they have yet to do. */
  notify(call: (listener: Listener) => unknown): Promise<unknown>[] {
    return [...this.#boxes].flatMap((box) =>
      // An earlier one may have stopped it.
      this.#boxes.has(box) ? guard(() => call(box.listener)) : [],
    );
  }
}
