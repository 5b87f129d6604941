import { RoomcastError } from "../codes.ts";
import type { Report } from "../report.ts";

/** What the token allows in a room. What it does not is reported once, and not at each try. */
export class Grant {
  readonly #room: string;
  readonly #report: Report;
  readonly #missed = new Set<string>();
  #rights: readonly string[] | undefined;

  constructor(room: string, report: Report) {
    this.#room = room;
    this.#report = report;
  }

  /** The rights that the room's last `welcome` or `authorized` named; `undefined` before the first. */
  get rights(): readonly string[] | undefined {
    return this.#rights;
  }

  /** Returns whether the rights are others than before. */
  set(rights: readonly string[]): boolean {
    if (`${rights}` === `${this.#rights}`) return false;
    this.#rights = rights;
    for (const right of rights) this.#missed.delete(right);
    return true;
  }

  has(right: "publish" | "presence"): boolean {
    return this.#rights?.includes(right) ?? false;
  }

  /** Whether it has a right that is needed now. */
  allows(right: "publish" | "presence"): boolean {
    if (this.has(right)) return true;
    if (!this.#missed.has(right)) {
      this.#missed.add(right);
      const message = `The token does not grant "${right}" in the room ${this.#room}.`;
      this.#report(new RoomcastError("forbidden", message));
    }
    return false;
  }
}
