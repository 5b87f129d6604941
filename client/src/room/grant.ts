import { RoomcastError } from "../codes.ts";
import type { Report } from "../report.ts";

/**
 * The rights that the token grants in a room. A missing right is reported once, not at each attempt
 * to use it.
 */
export class Grant {
  readonly #room: string;
  readonly #report: Report;
  readonly #reported = new Set<string>();
  #rights: readonly string[] | undefined;

  constructor(room: string, report: Report) {
    this.#room = room;
    this.#report = report;
  }

  /**
   * The rights in the room's last `welcome` or `authorized`. `undefined` before the first of these
   * frames.
   */
  get rights(): readonly string[] | undefined {
    return this.#rights;
  }

  /** Sets the rights and returns whether they have changed. */
  set(rights: readonly string[]): boolean {
    if (`${rights}` === `${this.#rights}`) return false;
    this.#rights = rights;
    for (const right of rights) this.#reported.delete(right);
    return true;
  }

  has(right: "publish" | "presence"): boolean {
    return this.#rights?.includes(right) ?? false;
  }

  /** Returns whether a right that is needed now is granted. Reports a missing right. */
  allows(right: "publish" | "presence"): boolean {
    if (this.has(right)) return true;
    if (!this.#reported.has(right)) {
      this.#reported.add(right);
      const message = `The token does not grant "${right}" in the room ${this.#room}.`;
      this.#report(new RoomcastError("forbidden", message));
    }
    return false;
  }
}
