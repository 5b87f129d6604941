import { guard } from "./report.ts";

/** A set of listeners. A listener may be added twice, and may be removed during a notification. */
export class Listeners<Listener> {
  /**
   * Each listener is stored in its own object, so that a listener that was added twice is called
   * twice.
   */
  readonly #boxes = new Set<{ readonly listener: Listener }>();

  /** Adds a listener and returns a function that removes it. */
  add(listener: Listener): () => void {
    const box = { listener };
    this.#boxes.add(box);
    return () => this.#boxes.delete(box);
  }

  /**
   * Calls every listener, even if an earlier listener throws. Returns the promises that the
   * listeners returned.
   */
  notify(call: (listener: Listener) => unknown): Promise<unknown>[] {
    return [...this.#boxes].flatMap((box) =>
      // An earlier listener may have removed this listener.
      this.#boxes.has(box) ? guard(() => call(box.listener)) : [],
    );
  }
}
