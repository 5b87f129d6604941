import { Timer } from "../timer.ts";
import { now } from "../clock.ts";
import { guard } from "../report.ts";
import type { Room } from "../room/room.ts";

/**
 * Time for which a room stays entered after its last component was unmounted. It is long enough for
 * a change of route.
 */
const GRACE_MS = 1_000;

/**
 * Presence that several components share in one room. The room is entered while the token grants
 * `presence`.
 */
class RetainedPresence {
  readonly #room: Room;
  readonly #leaving = new Timer(() => this.#end());
  #users = 0;
  #data: unknown;
  /**
   * `true` if the user has signed out. The data may contain the user's name, so the data is not
   * sent again.
   */
  #isStale = false;
  /** The grant at the last `enter` or `leave`. */
  #grant: readonly string[] | undefined;
  #stop: (() => void) | undefined;

  constructor(room: Room) {
    this.#room = room;
  }

  /**
   * Adds a component. The newest data replaces earlier data, unless the newest data is `undefined`.
   * Returns a function that removes the component.
   */
  add(data: unknown): () => void {
    this.#leaving.set(Infinity);
    if (this.#users++ === 0 || data !== undefined) {
      this.#data = data;
      this.#grant = undefined;
      this.#isStale = false;
    }
    this.#stop ??= this.#room.subscribe(() => this.#update());
    this.#update();
    return () => {
      if (--this.#users === 0) this.#leaving.set(now() + GRACE_MS);
    };
  }

  /**
   * Enters or leaves when the grant has changed. Does not enter without the right `presence`,
   * because the room would report an error.
   */
  #update(): void {
    const { grant, connection } = this.#room;
    // After `connect`, the reason remains until the room is connected, but the status changes.
    const { status, reason } = connection;
    this.#isStale ||= status === "unauthorized" && reason === "signed_out";
    if (grant === this.#grant || this.#isStale) return;
    this.#grant = grant;
    if (grant?.includes("presence")) guard(() => this.#room.presence.enter(this.#data));
    else this.#room.presence.leave();
  }

  #end(): void {
    this.#stop?.();
    this.#stop = undefined;
    this.#room.presence.leave();
  }
}

const retained = new WeakMap<Room, RetainedPresence>();

/**
 * Enters the room with `data`, for one of several components. Returns a function that removes the
 * component.
 */
export function retainPresence(room: Room, data: unknown): () => void {
  if (!retained.has(room)) retained.set(room, new RetainedPresence(room));
  return retained.get(room)!.add(data);
}
