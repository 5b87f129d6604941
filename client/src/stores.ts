/** Values made from a room, as stores for `useSyncExternalStore`. */
import { Alarm } from "./alarm.ts";
import { now } from "./clock.ts";
import type { RoomcastError } from "./codes.ts";
import type { EventOf } from "./handlers.ts";
import type { Snapshot } from "./protocol.ts";
import { retry } from "./retry.ts";
import type { Room } from "./room.ts";

/** How long reading is tried again; after that, a reconnect begins anew. */
const READ_MS = 60_000;
/** How often the members are counted, where nobody tells of them. */
const COUNT_MS = 30_000;
/** How long the room may take to hear that this client leaves. */
const LEAVING_MS = 1_000;

export interface Store<Value> {
  get(): Value;
  /** What the server has rendered, and the browser renders first. */
  getFirst(): Value;
  subscribe(changed: () => void): () => void;
}

export type Reducer<Value, Event> = (value: Value, event: Event) => Value;

/** The room's state and the events after it, reduced to one value. */
export function foldOf<EventMap extends object, Value>(
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
    get: () => value,
    getFirst: () => first,
    subscribe(changed) {
      const stop = room.listen({
        events(events) {
          value = reduce(events, value);
          seen.position = room.position;
          changed();
        },
        // Not at the gap itself: the state is there a moment later, and nothing flickers.
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

/** The newest events, read over HTTP and then live. */
export function listOf<EventMap extends object>(
  room: Room<EventMap>,
  last: number,
  initial: readonly EventOf<EventMap>[],
): Store<readonly EventOf<EventMap>[]> {
  const first = initial.slice(-last);
  let list: readonly EventOf<EventMap>[] = first;

  return {
    get: () => list,
    getFirst: () => first,
    subscribe(changed) {
      /** Not there while what is shown is void. */
      let stored: typeof list | undefined = list;
      let live: readonly EventOf<EventMap>[] = [];
      let reads = 0;
      let state: "wanted" | "reading" | "read" = "wanted";

      // After a gap the old list is shown until there is another, so that nothing flickers.
      const show = (): void => {
        if (!stored) return;
        const end = stored.at(-1)?.seq ?? 0;
        list = [...stored, ...live.filter((event) => event.seq > end)].slice(-last);
        changed();
      };
      const read = async (): Promise<void> => {
        // Read before the room is followed, it could miss what comes in between.
        if (room.status !== "connected" || state !== "wanted") return;
        state = "reading";
        const turn = ++reads;
        try {
          const page = await retry(() => room.history({ last }), READ_MS);
          if (turn !== reads) return;
          state = "read";
          stored = page.events;
          show();
        } catch (error) {
          if (turn !== reads) return;
          room.report(error as RoomcastError);
          // Where the connection was lost, too, it is read again.
          if (state === "reading") stored ??= [];
          show();
        }
      };

      const stopListening = room.listen({
        events(events) {
          live = [...live, ...events].slice(-last);
          show();
        },
        gap() {
          stored = undefined;
          live = [];
          state = "wanted";
          void read();
        },
      });
      const stopWatching = room.subscribe(() => {
        if (room.status !== "connected" && state === "reading") state = "wanted";
        void read();
      });
      void read();
      return () => {
        reads++;
        stopListening();
        stopWatching();
      };
    },
  };
}

/** How many members a room has: by their list where it is known, otherwise read over HTTP. */
export function countOf(room: Room): Store<number | undefined> {
  const { presence } = room;
  let count: number | undefined;

  return {
    get: () => presence.members?.length ?? count,
    getFirst: () => undefined,
    subscribe(changed) {
      let connected = false;
      const read = (): void => {
        alarm.set(connected ? now() + COUNT_MS : Infinity);
        const isHidden = globalThis.document?.visibilityState === "hidden";
        if (!connected || isHidden || presence.members) return;
        presence.count().then((members) => {
          count = members;
          changed();
        }, room.report);
      };
      const alarm = new Alarm(read);
      const follow = (): void => {
        if (connected === (room.status === "connected")) return;
        connected = !connected;
        read();
      };
      const stops = [
        room.subscribe(follow),
        presence.subscribe(() => {
          count = presence.members?.length ?? count;
          if (!presence.members) alarm.set(now() + LEAVING_MS);
          changed();
        }),
      ];
      follow();
      globalThis.document?.addEventListener("visibilitychange", read);
      return () => {
        alarm.set(Infinity);
        stops.forEach((stop) => stop());
        globalThis.document?.removeEventListener("visibilitychange", read);
      };
    },
  };
}
