import type { Room, RoomEvent } from "roomcast";

type Values = ReadonlyMap<string, unknown>;

/** Calls `show` with the newest data of each key, and with `undefined` while it is unknown. */
export function follow(room: Room, show: (values: Values | undefined) => void): () => void {
  let values = new Map<string, unknown>();

  function apply(events: Iterable<RoomEvent>): void {
    for (const { key, data } of events) {
      if (key === undefined) continue;
      if (data === null) values.delete(key);
      else values.set(key, data);
    }
    show(values);
  }

  return room.listen({
    events: apply,
    gap: () => show(undefined), // the values are invalid, and the state follows
    state() {
      values = new Map();
      apply(room.state!.values());
    },
  });
}
