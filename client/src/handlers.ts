import { report } from "./report.ts";

/**
 * Calls a handler of the app. What it throws is the app's to see, but keeps no event from the other
 * handlers. Returns what it has yet to do.
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
