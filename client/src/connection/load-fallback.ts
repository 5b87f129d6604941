import { RoomcastError } from "../codes.ts";
import type { FallbackTransports, TransportOptions, TransportUser } from "./transport.ts";

/** Type of the fallback's module. */
interface FallbackModule {
  readonly Fallback: new (
    options: TransportOptions,
    users: ReadonlySet<TransportUser>,
  ) => FallbackTransports;
}

/**
 * Loads the fallback's file from the page's server. Rejects with a `RoomcastError` with the code
 * `load_failed` if the file can't be loaded.
 */
export async function loadFallback(): Promise<FallbackModule> {
  try {
    return await import("../fallback/index.ts").catch(importAgain);
  } catch (error) {
    throw new RoomcastError("load_failed", `The fallback can't be loaded: ${error}`);
  }
}

/**
 * Requests the file again, under another URL. Older browsers cache a failed import by its URL and
 * never request that URL again (whatwg/html#10327 changed this in 2026). Chrome and Firefox name
 * the file's URL in the error. The errors of webpack and newer Safari contain no URL. An error
 * without a URL is rethrown, and the next `import` requests the file again.
 */
function importAgain(error: unknown): Promise<FallbackModule> {
  const [, url] = /imported module: (\S+)/.exec(String(error)) ?? [];
  if (!url) throw error;
  const again = `${url}${url.includes("?") ? "&" : "?"}again=${Math.random()}`;
  return import(/* @vite-ignore */ /* webpackIgnore: true */ again);
}
