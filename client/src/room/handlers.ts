/** Types of the handlers of events and of signals. Both events and signals have a name. */
import type { RoomEvent, Signal } from "../protocol.ts";

/** The event map of a room without declared types. */
export type AnyEvents = Record<string, any>;

/** Union of the types of a room's events. `event.name` determines the type of `event.data`. */
export type EventOf<EventMap extends object> = {
  [Name in keyof EventMap & string]: RoomEvent<Name, EventMap[Name]>;
}[keyof EventMap & string];

/** Union of the types of a room's signals. `signal.name` determines the type of `signal.data`. */
export type SignalOf<SignalMap extends object> = {
  [Name in keyof SignalMap & string]: Signal<Name, SignalMap[Name]>;
}[keyof SignalMap & string];

/**
 * Handles an event. May return a promise that resolves when the handler has finished: see
 * `Listener.events`.
 */
export type Handler<Event extends RoomEvent> = (data: Event["data"], event: Event) => unknown;

export type SignalHandler<Of extends Signal = Signal> = (data: Of["data"], signal: Of) => void;

/** A name and its handler, or only a handler, which receives all events or signals. */
export type ByName<Handler> = readonly [name: string, handler: Handler] | readonly [Handler];

/**
 * Returns a function that calls the handler. A handler with a name receives only the events or
 * signals of that name.
 */
export function callerOf<Of extends RoomEvent | Signal>(
  args: ByName<(data: any, of: any) => unknown>,
): (of: Of) => unknown {
  const [name, handler] = args.length === 2 ? args : [undefined, args[0]];
  return (of) => (name === undefined || name === of.name ? handler(of.data, of) : undefined);
}
