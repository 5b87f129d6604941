import { basePathOf, register, type RoomcastOptions } from "./hooks.ts";
import worker, { type Context } from "./worker.ts";

/** Roomcast with your functions. A worker can `export default` this object. */
export interface Roomcast<Env> {
  /** Answers a request. A path that is not below `basePath` is `not_found`. */
  fetch(request: Request, env: Env, context: Context): Promise<Response>;
  /**
   * Answers a request below `basePath`. Returns `null` for another path, which is a route of your
   * own.
   */
  route(request: Request, env: Env, context: Context): Promise<Response | null>;
}

/**
 * Adds your functions to Roomcast, also to the exported class `RoomObject`. Call `createRoomcast`
 * once, at the top level of the worker's module. Throws a `TypeError` for an invalid option.
 */
export function createRoomcast<Env extends object = any>(
  options: RoomcastOptions<Env> = {},
): Roomcast<Env> {
  register(options);
  const basePath = basePathOf(options);
  const isBelow = (path: string): boolean => path === basePath || path.startsWith(`${basePath}/`);

  return {
    fetch: worker.fetch,
    async route(request, env, context) {
      return isBelow(new URL(request.url).pathname) ? worker.fetch(request, env, context) : null;
    },
  };
}
