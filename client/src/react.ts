"use client";

import {
  createContext,
  createElement,
  useCallback,
  useContext,
  useEffect,
  useInsertionEffect,
  useMemo,
  useRef,
  useSyncExternalStore,
  type FunctionComponent,
  type ReactNode,
} from "react";
import type { Client } from "./client.ts";
import type { AnyEvents, EventOf, Handler, SignalHandler } from "./room/handlers.ts";
import { EventsStore, newest } from "./react/events.ts";
import { HistoryStore, type History } from "./react/history.ts";
import { INITIAL, type ConnectionStatus } from "./connection/lifecycle.ts";
import type { Member, RoomEvent, Signal, Snapshot } from "./protocol.ts";
import type { Room } from "./room/room.ts";
import { retainPresence } from "./react/retain-presence.ts";
import { countStore, stateStore, type Reducer, type Store } from "./react/stores.ts";

export type { History, Reducer };

const ClientContext = createContext<Client | undefined>(undefined);

/**
 * Provides the client to the hooks of its children. Create the client once, outside of components.
 */
export const RoomcastProvider: FunctionComponent<{ client: Client; children?: ReactNode }> = ({
  client,
  children,
}) => createElement(ClientContext.Provider, { value: client }, children);

/**
 * Returns the room of that name. The room is connected while another hook or a listener uses it.
 * Throws an `Error` if there is no `RoomcastProvider`. Throws a `RoomcastError` with the code
 * `bad_request` if the name is invalid.
 */
export function useRoom<
  EventMap extends object = AnyEvents,
  SignalMap extends object = any,
  Data = any,
>(name: string): Room<EventMap, SignalMap, Data> {
  const client = useContext(ClientContext);
  if (client === undefined) throw new Error("useRoom needs a RoomcastProvider.");
  return client.room<EventMap, SignalMap, Data>(name);
}

/**
 * Calls the newest handler with each event of that name, or with every event if no name is given.
 */
export function useEvent<EventMap extends object, Name extends keyof EventMap & string>(
  room: Room<EventMap>,
  name: Name,
  handler: Handler<RoomEvent<Name, EventMap[Name]>>,
): void;
export function useEvent<EventMap extends object>(
  room: Room<EventMap>,
  handler: Handler<EventOf<EventMap>>,
): void;
export function useEvent(room: Room, ...args: [string, Handler<any>] | [Handler<any>]): void {
  const [name, handler] = args.length === 2 ? args : [undefined, args[0]];
  const newest = useNewest(handler);
  useEffect(() => {
    const call: Handler<any> = (data, event) => newest.current(data, event);
    return name === undefined ? room.on(call) : room.on(name, call);
  }, [room, name, newest]);
}

/**
 * Returns the status of the room's connection, the reason for this status, and the time of the next
 * attempt.
 */
export function useStatus<EventMap extends object>(room: Room<EventMap>): ConnectionStatus {
  return useSyncExternalStore(
    room.subscribe,
    () => room.connection,
    () => INITIAL,
  );
}

/**
 * Returns the rights that the token grants in the room, such as `publish` or `presence`. Returns
 * `undefined` before the first connection.
 */
export function useGrant(room: Room<any>): readonly string[] | undefined {
  return useSyncExternalStore(
    room.subscribe,
    () => room.grant,
    () => undefined,
  );
}

/** Returns the room's `publish`, which is the same function at each render. */
export function usePublish<EventMap extends object>(
  room: Room<EventMap>,
): Room<EventMap>["publish"] {
  return room.publish;
}

/**
 * Returns a value that starts as `initial`, and is reduced with the room's state and then with each
 * later event. After a gap, the value starts as `initial` again, and is reduced with the new state.
 * Until the room's state is known, the value is reduced from `snapshot`, the state that the server
 * has read with `backend.state(room)`. Later values of `initial` and `snapshot` have no effect
 * while `room` is the same.
 */
export function useRoomState<EventMap extends object, Value>(
  room: Room<EventMap>,
  reducer: Reducer<Value, EventOf<EventMap>>,
  initial: Value,
  snapshot?: Snapshot<EventOf<EventMap>>,
): Value {
  const newest = useNewest(reducer);
  const store = useMemo(
    () => stateStore(room, (value, event) => newest.current(value, event), initial, snapshot),
    // While `room` is the same, later values of `initial` and `snapshot` change nothing.
    [room, newest],
  );
  return useStore(store);
}

/** Options for the newest events of a room. */
export interface EventsOptions<Event> {
  /**
   * Maximum number of events. With 0 the list is empty, and nothing is read. A negative number or a
   * fraction throws a `RangeError`.
   */
  readonly last: number;
  /**
   * Events that the server has read (`backend.history`). They are shown until the browser has read
   * the room's events.
   */
  readonly initial?: readonly Event[] | undefined;
}

/**
 * Returns the last events of the room, up to the number `last`. The oldest of these events comes
 * first.
 */
export function useEvents<EventMap extends object>(
  room: Room<EventMap>,
  { last, initial = [] }: EventsOptions<EventOf<EventMap>>,
): readonly EventOf<EventMap>[] {
  if (!Number.isSafeInteger(last) || last < 0) {
    throw new RangeError(`\`last\` must be a whole number, 0 or more; it is ${last}.`);
  }
  const store = useMemo(() => new EventsStore(room, last, initial), [room]);
  useEffect(() => store.resize(last), [store, last]);
  const { events } = useStore(store);
  return useMemo(() => newest(events, last), [events, last]);
}

/** Options for the history of a room. */
export interface HistoryOptions<Event> {
  /**
   * Number of the newest events that are read first, and maximum number of events that each
   * `loadOlder` adds: 1 to 1,000. Any other number throws a `RangeError`.
   */
  readonly page: number;
  /**
   * Events that the server has read (`backend.history`). They are shown until the browser has read
   * the room's events.
   */
  readonly initial?: readonly Event[] | undefined;
}

/**
 * Returns the newest events of the room, oldest first, and a function that loads older events. The
 * list grows with each live event and each load. Later values of `page` and `initial` have no
 * effect while `room` is the same.
 */
export function useHistory<EventMap extends object>(
  room: Room<EventMap>,
  { page, initial = [] }: HistoryOptions<EventOf<EventMap>>,
): History<EventOf<EventMap>> {
  if (!Number.isSafeInteger(page) || page < 1 || page > 1_000) {
    throw new RangeError(`\`page\` must be a whole number from 1 to 1,000; it is ${page}.`);
  }
  return useStore(useMemo(() => new HistoryStore(room, page, initial), [room]));
}

/**
 * Enters the room with the newest data, at most 2 KiB of JSON. Leaves the room 1 s after the last
 * component that uses this hook was unmounted. Returns the members, as `useMembers` does. Returns
 * `undefined` if the token does not grant `presence`: check this with `useGrant`.
 */
export function usePresence<Data>(
  room: Room<any, any, Data>,
  data?: Data,
): readonly Member<Data>[] | undefined {
  useEffect(() => retainPresence(room, data), [room, data]);
  return useMembers(room);
}

/**
 * Returns the members, one for each user. Returns `undefined` while the members are unknown: only a
 * client that has entered receives them.
 */
export function useMembers<Data>(room: Room<any, any, Data>): readonly Member<Data>[] | undefined {
  const { presence } = room;
  return useSyncExternalStore(
    presence.subscribe,
    () => presence.members,
    () => undefined,
  );
}

/**
 * Returns the number of members, or `undefined` until it is known. The number is live if this
 * client has entered the room. Otherwise, the number is read whenever the room connects, and every
 * 30 s while the page is visible.
 */
export function useOnlineCount(room: Room<any>): number | undefined {
  return useStore(useMemo(() => countStore(room), [room]));
}

/**
 * Calls the newest handler with the signals of that name from other sessions. Returns a function
 * that sends a signal of that name.
 */
export function useSignal<SignalMap extends object, Name extends keyof SignalMap & string>(
  room: Room<any, SignalMap>,
  name: Name,
  handler?: SignalHandler<Signal<Name, SignalMap[Name]>>,
): (data: SignalMap[Name]) => void {
  const newest = useNewest(handler);
  const hasHandler = handler !== undefined;
  useEffect(
    () => (hasHandler ? room.onSignal(name, (...args) => newest.current?.(...args)) : undefined),
    [room, name, hasHandler, newest],
  );
  return useCallback((data) => room.signal(name, data), [room, name]);
}

const useStore = <Value>(store: Store<Value>): Value =>
  useSyncExternalStore(store.subscribe, store.getSnapshot, store.getServerSnapshot);

/** Returns a reference to the newest callback, for code that runs after the render. */
function useNewest<Callback>(callback: Callback): { readonly current: Callback } {
  const newest = useRef(callback);
  useInsertionEffect(() => {
    newest.current = callback;
  });
  return newest;
}
