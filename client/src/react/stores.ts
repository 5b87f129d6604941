/** Stores for `useSyncExternalStore`, with values derived from a room. */
import { Timer } from "../timer.ts";
import { now } from "../clock.ts";
import type { EventOf } from "../room/handlers.ts";
import type { Snapshot } from "../protocol.ts";
import type { Room } from "../room/room.ts";

/** Interval at which the number of members is read while the list of members is unknown. */
const COUNT_MS = 30_000;
/**
 * Delay after `leave` before the members are counted, so that the room has processed the `leave`.
 */
const COUNT_DELAY_MS = 1_000;

export interface Store<Value> {
  getSnapshot(): Value;
  /**
   * Returns the value that the server has rendered. The browser's first render uses the same value.
   */
  getServerSnapshot(): Value;
  subscribe(changed: () => void): () => void;
}

export type Reducer<Value, Event> = (value: Value, event: Event) => Value;

/** Returns a store that reduces the room's state and later events to one value. */
export function stateStore<EventMap extends object, Value>(
  room: Room<EventMap>,
  reducer: Reducer<Value, EventOf<EventMap>>,
  initial: Value,
  snapshot: Snapshot<EventOf<EventMap>> | undefined,
): Store<Value> {
  const reduce = (events: Iterable<EventOf<EventMap>>, from: Value): Value => {
    let value = from;
    for (const event of events) value = reducer(value, event);
    return value;
  };
  const first = reduce(snapshot?.events ?? [], initial);
  let value = first;
  let seen = { state: undefined as Room<EventMap>["state"], position: room.position };

  const catchUp = (): void => {
    const { state, position } = room;
    if (state === undefined || (state === seen.state && position === seen.position)) return;
    seen = { state, position };
    value = reduce(state.values(), initial);
  };
  catchUp();

  return {
    getSnapshot: () => value,
    getServerSnapshot: () => first,
    subscribe(changed) {
      const stop = room.listen({
        events(events) {
          value = reduce(events, value);
          seen.position = room.position;
          changed();
        },
        // The value does not change at the gap itself. The state follows shortly, so nothing
        // flickers.
        state() {
          catchUp();
          changed();
        },
      });
      catchUp();
      return stop;
    },
  };
}

/**
 * Returns a store of the number of members. If the list of members is known, the number is the
 * length of the list. Otherwise, the number is read over HTTP.
 */
export function countStore(room: Room): Store<number | undefined> {
  const { presence } = room;
  let count: number | undefined;

  return {
    getSnapshot: () => presence.members?.length ?? count,
    getServerSnapshot: () => undefined,
    subscribe(changed) {
      let connected = false;
      const read = (): void => {
        timer.set(connected ? now() + COUNT_MS : Infinity);
        const isHidden = globalThis.document?.visibilityState === "hidden";
        if (!connected || isHidden || presence.members) return;
        presence.count().then((members) => {
          count = members;
          changed();
        }, room.report);
      };
      const timer = new Timer(read);
      const update = (): void => {
        if (connected === (room.status === "connected")) return;
        connected = !connected;
        read();
      };
      const stops = [
        room.subscribe(update),
        presence.subscribe(() => {
          count = presence.members?.length ?? count;
          if (!presence.members) timer.set(now() + COUNT_DELAY_MS);
          changed();
        }),
      ];
      update();
      globalThis.document?.addEventListener("visibilitychange", read);
      return () => {
        timer.set(Infinity);
        stops.forEach((stop) => stop());
        globalThis.document?.removeEventListener("visibilitychange", read);
      };
    },
  };
}
