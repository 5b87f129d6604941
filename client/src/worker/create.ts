import Worker, { RoomObject } from "./roomcast.js";
import { hooksOf, withHooks, type RoomcastOptions } from "./hooks.ts";

export type {
  Authenticated,
  PublishedEvent,
  Publisher,
  RoomcastOptions,
  Verdict,
} from "./hooks.ts";

/** The runtime's context of a request. */
export interface Context {
  waitUntil(promise: Promise<unknown>): void;
}

/** Roomcast with your functions. A worker can `export default` this object. */
export interface Roomcast<Env> {
  /** Answers a request. A path that is not below `basePath` is `not_found`. */
  fetch(request: Request, env: Env, context: Context): Promise<Response>;
  /**
   * Answers a request below `basePath`. Returns `null` for another path, which is a route of your
   * own.
   */
  route(request: Request, env: Env, context: Context): Promise<Response | null>;
  /** The class of the rooms' objects. Export it under the `class_name` of the binding `ROOMS`. */
  readonly RoomObject: typeof RoomObject;
}

/**
 * Creates the handlers for a worker of your own. Call this function once, at the top level of the
 * worker's module. Throws a `TypeError` for an invalid option.
 */
export function createRoomcast<Env extends object = any>(
  options: RoomcastOptions<Env> = {},
): Roomcast<Env> {
  const hooks = hooksOf(options);
  const isBelow = (path: string): boolean =>
    path === hooks.basePath || path.startsWith(`${hooks.basePath}/`);

  const fetch = (request: Request, env: Env, context: Context): Promise<Response> =>
    new Worker(context, withHooks(env, hooks)).fetch(request);

  return {
    fetch,
    async route(request, env, context) {
      return isBelow(new URL(request.url).pathname) ? fetch(request, env, context) : null;
    },
    RoomObject: class extends RoomObject {
      constructor(state: object, env: Env) {
        super(state, withHooks(env, hooks));
      }
    },
  };
}
