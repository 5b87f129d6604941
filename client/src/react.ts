"use client";

import {
  createContext,
  createElement,
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
import type { RoomEvent, Snapshot } from "./protocol.ts";
import {
  INITIAL,
  type AnyEvents,
  type ConnectionStatus,
  type EventOf,
  type Handler,
  type Room,
} from "./room.ts";
import { foldOf, listOf, type Reducer, type Store } from "./stores.ts";

export type { Reducer };

const ClientContext = createContext<Client | undefined>(undefined);

/** Gives the hooks below it their client. Create that outside of components, once. */
export const RoomcastProvider: FunctionComponent<{ client: Client; children?: ReactNode }> = ({
  client,
  children,
}) => createElement(ClientContext.Provider, { value: client }, children);

/** The room of that name. It is connected while a hook below, or a listener, uses it. */
export function useRoom<EventMap extends object = AnyEvents>(name: string): Room<EventMap> {
  const client = useContext(ClientContext);
  if (client === undefined) throw new Error("useRoom needs a RoomcastProvider above it.");
  return client.room<EventMap>(name);
}

/** Calls the newest handler with each event of that name, or with each event. */
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

/** The status of the room's connection, its reason and the time of the next try. */
export function useStatus<EventMap extends object>(room: Room<EventMap>): ConnectionStatus {
  return useSyncExternalStore(
    room.subscribe,
    () => room.connection,
    () => INITIAL,
  );
}

/** The room's `publish`, the same function at each render. */
export function usePublish<EventMap extends object>(
  room: Room<EventMap>,
): Room<EventMap>["publish"] {
  return room.publish;
}

/**
 * What the reducer makes of the room's state and of the events that follow, starting from
 * `initial`; begun afresh after a gap. Until the room's state is known, a `snapshot` that the
 * server has read (`backend.state(room)`) stands for it.
 */
export function useRoomState<EventMap extends object, Value>(
  room: Room<EventMap>,
  reducer: Reducer<Value, EventOf<EventMap>>,
  initial: Value,
  snapshot?: Snapshot<EventOf<EventMap>>,
): Value {
  const newest = useNewest(reducer);
  const store = useMemo(
    () => foldOf(room, (value, event) => newest.current(value, event), initial, snapshot),
    // `initial` and `snapshot` are where it starts, as with `useState`: later ones change nothing.
    [room, newest],
  );
  return useStore(store);
}

/** The room's newest events, oldest first: at most `last`. The server may give `initial` ones. */
export function useEvents<EventMap extends object>(
  room: Room<EventMap>,
  { last, initial = [] }: { last: number; initial?: readonly EventOf<EventMap>[] },
): readonly EventOf<EventMap>[] {
  return useStore(useMemo(() => listOf(room, last, initial), [room, last]));
}

const useStore = <Value>({ subscribe, get, getFirst }: Store<Value>): Value =>
  useSyncExternalStore(subscribe, get, getFirst);

/** A function that changes with each render, for callers that outlive the render. */
function useNewest<Callback>(callback: Callback): { readonly current: Callback } {
  const newest = useRef(callback);
  useInsertionEffect(() => {
    newest.current = callback;
  });
  return newest;
}
