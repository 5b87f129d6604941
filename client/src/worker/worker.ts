/** The built worker and the built object of a room, with the functions of `createRoomcast`. */
import BuiltWorker, { RoomObject as BuiltRoomObject } from "./roomcast.js";
import { withHooks } from "./hooks.ts";

/** The object of one room. Export this class under the `class_name` of the binding `ROOMS`. */
export class RoomObject extends BuiltRoomObject {
  constructor(state: object, env: object) {
    super(state, withHooks(env));
  }
}

/** The whole worker. */
export default class Worker extends BuiltWorker {
  constructor(context: object, env: object) {
    super(context, withHooks(env));
  }
}
