/** The request of a trusted worker to one room. */
import { RIGHTS } from "../token.ts";
import { RoomObject, type RoomAnswer } from "./roomcast.js";

export type { RoomAnswer };

/** The binding `ROOMS`: the Durable Object namespace of the class `RoomObject`. */
export interface RoomNamespace {
  getByName(name: string): { fetch(request: Request): Promise<Response> };
}

/** A request to one room. */
export interface RoomCall {
  readonly method: "GET" | "POST" | "DELETE";
  /** Path below `/rooms/{room}`, with the query. */
  readonly path: string;
  readonly body?: string | undefined;
  readonly user: string;
}

/** A service binding to `RoomService`. */
export interface RoomCaller {
  call(room: string, call: RoomCall): Promise<RoomAnswer>;
}

/** Sends a request to a room's object, with the identity of a user that has all rights. */
export function callRoom(rooms: RoomNamespace, room: string, call: RoomCall): Promise<RoomAnswer> {
  const { method, path, body, user } = call;
  const identity = { user, grant: RIGHTS, expires_at: Number.MAX_SAFE_INTEGER };
  const target = `/rooms/${encodeURIComponent(room)}${path}`;
  const text = [method, target, JSON.stringify(identity)].join("\n");
  return RoomObject.callRoom(rooms, room, text, body);
}
