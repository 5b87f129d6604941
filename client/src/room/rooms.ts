/**
 * Maximum number of unused rooms that are cached. For a cached room, `get` returns the same object.
 */
const UNUSED_ROOMS = 100;

interface Named {
  readonly name: string;
}

/**
 * The rooms of a client: all used rooms, and the unused rooms that were created or used most
 * recently.
 */
export class Rooms<Room extends Named> {
  readonly #make: (name: string) => Room;
  readonly #byName = new Map<string, Room>();
  readonly #used = new Set<Room>();

  constructor(make: (name: string) => Room) {
    this.#make = make;
  }

  get(name: string): Room {
    const known = this.#byName.get(name);
    if (known) return known;
    const room = this.#make(name);
    this.#byName.set(name, room);
    this.#evictUnused();
    return room;
  }

  /** Marks a room as used. The room may have been evicted while the app still had its object. */
  use(room: Room): void {
    this.#used.add(room);
    if (!this.#byName.has(room.name)) this.#byName.set(room.name, room);
  }

  release(room: Room): void {
    if (!this.#used.delete(room)) return;
    if (this.#byName.get(room.name) === room) {
      this.#byName.delete(room.name);
      this.#byName.set(room.name, room);
    }
    this.#evictUnused();
  }

  /**
   * All rooms. Two rooms have the same name if an evicted room was created again and its old object
   * is still used.
   */
  get all(): ReadonlySet<Room> {
    return new Set([...this.#byName.values(), ...this.#used]);
  }

  /** Evicts the oldest unused rooms. The map is in the order of creation or last use. */
  #evictUnused(): void {
    for (const [name, room] of this.#byName) {
      if (this.#byName.size - this.#used.size <= UNUSED_ROOMS) return;
      if (!this.#used.has(room)) this.#byName.delete(name);
    }
  }
}
