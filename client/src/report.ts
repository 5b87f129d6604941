import type { RoomcastError } from "./codes.ts";

/** Receives a client's errors that reject no promise: its `onError`. */
export type Report = (error: RoomcastError) => void;

/** Reports an error to the runtime without throwing it. */
export function report(error: unknown): void {
  // Node has no `reportError`.
  (globalThis.reportError ?? console.error)(error);
}

/**
 * Calls a handler and reports the error that it throws, so that other handlers still run. Returns
 * the promise that it has returned, if any.
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

/** Also recognizes promises of other libraries. */
const isThenable = (result: unknown): boolean =>
  typeof (result as PromiseLike<unknown> | undefined)?.then === "function";
