import { Timer } from "../timer.ts";
import { now } from "../clock.ts";
import { guard } from "../report.ts";
import type { Room } from "../room/room.ts";

/** How long a room waits for the next component, when the last one has unmounted: for a change of route. */
const GRACE_MS = 1_000;

/** Keeps a room entered for several components, while the token grants `presence`. */
class RetainedPresence {
  readonly #room: Room;
  readonly #leaving = new Timer(() => this.#end());
  #users = 0;
  #data: unknown;
  /** Whether the user signed out: what was entered with may hold their name. */
  #isStale = false;
  /** The grant by which it last entered or left. */
  #grant: readonly string[] | undefined;
  #stop: (() => void) | undefined;

  constructor(room: Room) {
    this.#room = room;
  }

  /** Adds a component. The newest data counts; `undefined` changes nothing. Returns what removes it. */
  add(data: unknown): () => void {
    this.#leaving.set(Infinity);
    if (this.#users++ === 0 || data !== undefined) {
      this.#data = data;
      this.#grant = undefined;
      this.#isStale = false;
    }
    this.#stop ??= this.#room.subscribe(() => this.#follow());
    this.#follow();
    return () => {
      if (--this.#users === 0) this.#leaving.set(now() + GRACE_MS);
    };
  }

  /** Enters only with the grant: without it, the room would report an error for each component. */
  #follow(): void {
    const { grant, connection } = this.#room;
    this.#isStale ||= connection.reason === "signed_out";
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

/** Enters the room with that data, for one component of several. Returns what ends it. */
export function retainPresence(room: Room, data: unknown): () => void {
  if (!retained.has(room)) retained.set(room, new RetainedPresence(room));
  return retained.get(room)!.add(data);
}
