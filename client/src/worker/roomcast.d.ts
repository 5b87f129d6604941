import { DurableObject } from "cloudflare:workers";

/** The answer of a room. */
export interface RoomAnswer {
  readonly status: number;
  readonly body?: string | undefined;
}

/** The object of one room. */
export class RoomObject extends DurableObject<any> {
  /**
   * Sends a request to a room, whose jurisdiction and location hint are those of `ROOM_SETTINGS`.
   * `call` has the method, the target and the identity, each on its own line.
   */
  static callRoom(rooms: object, room: string, call: string, body?: string): Promise<RoomAnswer>;
}

/** The whole worker: it serves Roomcast's routes at the root of its host. */
declare const worker: {
  fetch(request: Request, env: object, context: object): Promise<Response>;
};
export default worker;
