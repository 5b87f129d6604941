import type { Room, RoomEvent } from "roomcast";

type Values = ReadonlyMap<string, unknown>;

/** Calls `show` with the newest data of each key, and with `undefined` if the values are invalid. */
export function follow(room: Room, show: (values: Values | undefined) => void): () => void {
  let values: Map<string, unknown> | undefined;

  function apply(events: Iterable<RoomEvent>): void {
    if (values === undefined) return; // the state follows, and contains these events
    for (const { key, data } of events) {
      if (key === undefined) continue;
      if (data === null) values.delete(key);
      else values.set(key, data);
    }
    show(values);
  }

  function start(): void {
    values = new Map();
    apply(room.state!.values());
  }

  if (room.state) start(); // other code uses the room already, so `state` is not called again
  return room.listen({
    events: apply,
    gap() {
      values = undefined;
      show(undefined);
    },
    state: start,
  });
}
