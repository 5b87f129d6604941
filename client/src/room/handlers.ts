/** How an app hears what has a name: events and signals. */
import type { RoomEvent, Signal } from "../protocol.ts";

/** A room whose events were not given types. */
export type AnyEvents = Record<string, any>;

/** Any of a room's events; `event.name` tells which, and so the type of `event.data`. */
export type EventOf<EventMap extends object> = {
  [Name in keyof EventMap & string]: RoomEvent<Name, EventMap[Name]>;
}[keyof EventMap & string];

/** Any of a room's signals; `signal.name` tells which, and so the type of `signal.data`. */
export type SignalOf<SignalMap extends object> = {
  [Name in keyof SignalMap & string]: Signal<Name, SignalMap[Name]>;
}[keyof SignalMap & string];

/** A promise that it returns says when it has done: see `Listener.events`. */
export type Handler<Event extends RoomEvent> = (data: Event["data"], event: Event) => unknown;

export type SignalHandler<Of extends Signal = Signal> = (data: Of["data"], signal: Of) => void;

/** A handler, for what has that name alone if one is given. */
export type ByName<Handler> = readonly [name: string, handler: Handler] | readonly [Handler];

/** Calls the handler with what it is for. */
export function callerOf<Of extends RoomEvent | Signal>(
  args: ByName<(data: any, of: any) => unknown>,
): (of: Of) => unknown {
  const [name, handler] = args.length === 2 ? args : [undefined, args[0]];
  return (of) => (name === undefined || name === of.name ? handler(of.data, of) : undefined);
}
