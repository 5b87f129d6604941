/**
 * Calls to rooms from a worker, without a token. A worker that has the binding may call every room.
 * `beforePublish` does not check the events of these calls.
 */
import { RoomcastError, type Code } from "../codes.ts";
import type { Page } from "../http.ts";
import type { NewEvent, Position, Snapshot } from "../protocol.ts";
import { checkRoomName } from "../room/name.ts";
import { checkUser } from "../token.ts";
import {
  callRoom,
  type RoomAnswer,
  type RoomCall,
  type RoomCaller,
  type RoomNamespace,
} from "./room-call.ts";

export type { NewEvent, RoomNamespace };

/** Access to the rooms: the binding `ROOMS`, or a service binding to `RoomService`. */
export type Rooms = RoomNamespace | RoomCaller;

/** Position of each published event. */
export interface Published {
  readonly epoch: string;
  /** A seq for each event, in order. */
  readonly seqs: readonly number[];
}

/** The range of a page: the newest events, or the events after or before a position. */
export type PageRange = { readonly limit?: number | undefined } & (
  | { readonly last?: number | undefined; readonly since?: undefined; readonly before?: undefined }
  | { readonly since: Position; readonly last?: undefined; readonly before?: undefined }
  | { readonly before: Position; readonly last?: undefined; readonly since?: undefined }
);

/** User that a worker's own events have as `from`, unless the call names another user. */
const SERVER = "server";

/**
 * Publishes 1 to 1,000 events to a room, either all of them or none. Resolves once they are durable.
 * An event with an `id` that the same `user` has published before is not appended again. Rejects
 * with a `RoomcastError`. After `internal`, the events may be stored or not.
 */
export async function publish(
  rooms: Rooms,
  room: string,
  events: NewEvent | readonly NewEvent[],
  { user = SERVER }: { readonly user?: string } = {},
): Promise<Published> {
  const body = JSON.stringify({ events: [events].flat() });
  return send(rooms, room, { method: "POST", path: "/events", body, user });
}

/** Reads the latest event of every key. */
export const readState = (rooms: Rooms, room: string): Promise<Snapshot> =>
  send(rooms, room, { method: "GET", path: "/state", user: SERVER });

/**
 * Reads a page of stored events, oldest first: by default the newest 100. Rejects with
 * `position_lost` if the room can't continue at the position.
 */
export function readEvents(rooms: Rooms, room: string, range: PageRange = {}): Promise<Page> {
  const given = Object.entries(range).filter(([, value]) => value !== undefined);
  const query = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
  return send(rooms, room, { method: "GET", path: `/events?${query}`, user: SERVER });
}

/** Closes the sessions of a user in a room, with the code `kicked`. */
export const closeUser = (rooms: Rooms, room: string, user: string): Promise<void> =>
  send(rooms, room, {
    method: "DELETE",
    path: `/members?${new URLSearchParams({ user })}`,
    user: SERVER,
  });

/** Erases a room: its events, its state and its sessions. */
export const erase = (rooms: Rooms, room: string): Promise<void> =>
  send(rooms, room, { method: "DELETE", path: "", user: SERVER });

async function send<Answer>(rooms: Rooms, room: string, call: RoomCall): Promise<Answer> {
  checkRoomName(room);
  checkCaller(call.user);
  const { status, body = "" } = await answerOf(rooms, room, call);
  if (status >= 300) throw refusalOf(status, body);
  return body === "" ? (undefined as Answer) : JSON.parse(body);
}

async function answerOf(rooms: Rooms, room: string, call: RoomCall): Promise<RoomAnswer> {
  try {
    return await (isService(rooms) ? rooms.call(room, call) : callRoom(rooms, room, call));
  } catch (cause) {
    throw new RoomcastError("internal", `The room can't be reached: ${cause}`, undefined, cause);
  }
}

/** Throws `bad_request` for a user that the room could not read from the identity. */
function checkCaller(user: string): void {
  try {
    checkUser(user);
  } catch (cause) {
    throw new RoomcastError("bad_request", (cause as Error).message);
  }
}

/** A service binding has every property, so only its class tells the two bindings apart. */
const isService = (rooms: Rooms): rooms is RoomCaller =>
  Object.prototype.toString.call(rooms) === "[object Fetcher]";

function refusalOf(status: number, text: string): RoomcastError {
  try {
    const { code, message, retry_after_ms } = JSON.parse(text).error;
    return new RoomcastError(code as Code, message, retry_after_ms);
  } catch (cause) {
    return new RoomcastError("internal", `The room answered ${status}.`, undefined, cause);
  }
}
