/** How many rooms that nobody uses are kept: who asks for one of them again gets the same object. */
const UNUSED_ROOMS = 100;

interface Named {
  readonly name: string;
}

/** The rooms of a client: all that are used, and the last of those that nobody uses. */
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
    this.#forgetUnused();
    return room;
  }

  /** Also one that was forgotten, but not by the app. */
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
    this.#forgetUnused();
  }

  /** Two of them have one name where a room was used after it was forgotten and made again. */
  get all(): ReadonlySet<Room> {
    return new Set([...this.#byName.values(), ...this.#used]);
  }

  /** The map is in the order in which they were asked for, or were last used. */
  #forgetUnused(): void {
    for (const [name, room] of this.#byName) {
      if (this.#byName.size - this.#used.size <= UNUSED_ROOMS) return;
      if (!this.#used.has(room)) this.#byName.delete(name);
    }
  }
}
