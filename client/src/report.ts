import type { RoomcastError } from "./codes.ts";

/** Where errors of a client go that reject no promise: its `onError`. */
export type Report = (error: RoomcastError) => void;

/** Shows an error to the app's developers without stopping what goes on. */
export function report(error: unknown): void {
  // Node has no reportError.
  (globalThis.reportError ?? console.error)(error);
}

/**
 * What a handler throws is the app's to see, but keeps nothing from the other handlers. Returns
 * what it has yet to do.
 */
export function guard(call: () => unknown): Promise<unknown>[] {
  try {
    const result = call();
    return isThenable(result) ? [Promise.resolve(result).catch(report)] : [];
  } catch (error) {
    report(error);
    return [];
  }
}

/** Also of a promise that is not the runtime's own. */
const isThenable = (result: unknown): boolean =>
  typeof (result as PromiseLike<unknown> | undefined)?.then === "function";
