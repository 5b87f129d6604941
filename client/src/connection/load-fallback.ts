import { RoomcastError } from "../codes.ts";
import type { FallbackTransports, TransportOptions, TransportUser } from "./transport.ts";

/** Type of the fallback's module. */
interface FallbackModule {
  readonly Fallback: new (
    options: TransportOptions,
    users: ReadonlySet<TransportUser>,
  ) => FallbackTransports;
}

/** Loads the fallback's file from the page's server. Rejects with a `RoomcastError`. */
export async function loadFallback(): Promise<FallbackModule> {
  try {
    return await import("../fallback/index.ts").catch(importAgain);
  } catch (error) {
    throw new RoomcastError("load_failed", `The fallback can't be loaded: ${error}`);
  }
}

/**
 * Requests the file under another URL. Older browsers cache a failed import by its URL and never
 * request that again (whatwg/html#10327 changed it in 2026). Chrome and Firefox name the URL in the
 * error. If the error names none, it is rethrown, and the next `import` requests the file. This is
 * the case in webpack and in newer Safari.
 */
function importAgain(error: unknown): Promise<FallbackModule> {
  const [, url] = /imported module: (\S+)/.exec(String(error)) ?? [];
  if (!url) throw error;
  const again = `${url}${url.includes("?") ? "&" : "?"}again=${Math.random()}`;
  return import(/* @vite-ignore */ /* webpackIgnore: true */ again);
}
