import { WorkerEntrypoint } from "cloudflare:workers";
import {
  callRoom,
  type RoomAnswer,
  type RoomCall,
  type RoomCaller,
  type RoomNamespace,
} from "./room-call.ts";

/**
 * Entrypoint for a service binding from another worker. Pass the binding to `publish`, `readState`
 * and the other functions in place of `ROOMS`.
 *
 * The entrypoint has no `fetch`, so a worker that forwards its visitors' requests to this binding
 * by mistake gives them no access.
 */
export class RoomService extends WorkerEntrypoint<{ ROOMS: RoomNamespace }> implements RoomCaller {
  /** Sends a request to a room. Only the functions of this package call this method. */
  call(room: string, call: RoomCall): Promise<RoomAnswer> {
    return callRoom(this.env.ROOMS, room, call);
  }
}
