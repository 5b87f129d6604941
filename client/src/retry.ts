import { now } from "./clock.ts";
import { RoomcastError, type Code } from "./codes.ts";

/** Codes of temporary errors: the same request may succeed a little later. */
export const transientCodes: ReadonlySet<Code> = new Set([
  "offline",
  "timeout",
  "rate_limited",
  "internal",
  "room_full",
]);

const MIN_WAIT_MS = 250;
const MAX_WAIT_MS = 10_000;

/**
 * Repeats `attempt` until it succeeds or fails permanently, or until the time is up. If no attempt
 * succeeds, throws the last error. After the signal is aborted, starts no attempt, and throws the
 * signal's reason.
 */
export async function retry<Answer>(
  attempt: (remainingMs: number) => Promise<Answer>,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<Answer> {
  const giveUpAt = now() + timeoutMs;
  for (let ceiling = MIN_WAIT_MS; ; ceiling = Math.min(ceiling * 2, MAX_WAIT_MS)) {
    try {
      return await attempt(giveUpAt - now());
    } catch (error) {
      if (!(error instanceof RoomcastError) || !transientCodes.has(error.code)) throw error;
      const wait = (error.retryAfterMs ?? 0) + Math.random() * ceiling;
      if (now() + wait >= giveUpAt) throw error;
      await sleep(wait, signal);
      signal?.throwIfAborted();
    }
  }
}

/** Resolves after `ms`, or when the signal is aborted during this time. */
const sleep = (ms: number, signal: AbortSignal | undefined): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
