/** The built worker and the built object of a room, with the functions of `createRoomcast`. */
import built, { RoomObject as BuiltRoomObject } from "./roomcast.js";
import { withHooks } from "./hooks.ts";

/** The object of one room. Export this class under the `class_name` of the binding `ROOMS`. */
export class RoomObject extends BuiltRoomObject {
  constructor(state: object, env: object) {
    super(state, withHooks(env));
  }
}

/** The runtime's context of a request. */
export interface Context {
  waitUntil(promise: Promise<unknown>): void;
}

/** The whole worker. */
const worker = {
  fetch(request: Request, env: object, context: Context): Promise<Response> {
    return built.fetch(request, withHooks(env), context);
  },
};
export default worker;
