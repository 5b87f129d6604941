/** The common part of the lifecycles of a socket and of a subscription. */
import type { Code, RoomcastError } from "../codes.ts";

export type Status =
  "connecting" | "connected" | "reconnecting" | "unauthorized" | "forbidden" | "closed";

/** The state of a connection, as an app can read it. */
export interface ConnectionStatus {
  readonly status: Status;
  /** Why it is not connected, if known. */
  readonly reason: Code | undefined;
  /** Time of the next attempt, in ms since 1970. */
  readonly retryAt: number | undefined;
  /** The error that `token` or the browser has thrown, if that is the reason. */
  readonly error: RoomcastError | undefined;
}

export const INITIAL: ConnectionStatus = {
  status: "connecting",
  reason: undefined,
  retryAt: undefined,
  error: undefined,
};

export interface Lifecycle {
  readonly phase: "idle" | "opening" | "open" | "waiting" | "ended";
  readonly status: Status;
  /** Why it is not connected, if known. */
  readonly reason: Code | undefined;
  /** The error behind the reason, if it was raised in this client. */
  readonly error: RoomcastError | undefined;
  /** Deadline of the phase, on the clock of `now`. While waiting, the time of the next attempt. */
  readonly dueAt: number;
  /** End of the grace period without users. */
  readonly leaveAt: number;
  /** Number of attempts in a row that failed, or whose connection was soon lost. */
  readonly attempts: number;
  readonly backoff: Backoff;
  /** State of a small random generator, so that equal inputs lead to equal effects. */
  readonly seed: number;
}

export interface Backoff {
  readonly minMs: number;
  readonly maxMs: number;
}

export const NEVER = Infinity;
export const OPEN_MS = 10_000;
export const GRACE_MS = 3_000;

export const newLifecycle = (backoff: Backoff, seed: number): Lifecycle => ({
  phase: "idle",
  status: "connecting",
  reason: undefined,
  error: undefined,
  dueAt: NEVER,
  leaveAt: NEVER,
  attempts: 0,
  backoff,
  seed: seed >>> 0,
});

/** Returns whether it has users, or had some within the grace period, and has not ended. */
export const isActive = ({ phase }: Lifecycle): boolean => phase !== "idle" && phase !== "ended";

export const statusBeforeOpen = ({ status }: Lifecycle): Status =>
  status === "connected" || status === "reconnecting" ? "reconnecting" : "connecting";

/** Waits for the next attempt: exponential backoff with full jitter. */
export function waiting<Kind extends Lifecycle>(
  lifecycle: Kind,
  reason: Code,
  now: number,
  error?: RoomcastError,
): Kind {
  const { attempts, backoff } = lifecycle;
  const seed = (Math.imul(lifecycle.seed, 1664525) + 1013904223) >>> 0;
  return {
    ...lifecycle,
    phase: "waiting",
    status: statusBeforeOpen(lifecycle),
    reason,
    error,
    dueAt: now + (seed / 2 ** 32) * Math.min(backoff.maxMs, backoff.minMs * 2 ** attempts),
    attempts: attempts + 1,
    seed,
  };
}

/**
 * Returns whether it has no users, and had none within the grace period. While it is active, a
 * `tick` detects that.
 */
export const isUnused = ({ phase, leaveAt }: Lifecycle, now: number): boolean =>
  phase === "idle" || (phase === "ended" && now >= leaveAt);

export const ended = <Kind extends Lifecycle>(
  lifecycle: Kind,
  status: Status,
  reason: Code,
): Kind => ({
  ...lifecycle,
  // It had no users, and `isUnused` must return that when it restarts.
  leaveAt: lifecycle.phase === "idle" ? 0 : lifecycle.leaveAt,
  phase: "ended",
  status,
  reason,
  error: undefined,
  dueAt: NEVER,
});

/** Describes the state for the `debug` log. */
export function describe({ phase, reason, dueAt }: Lifecycle, now: number): string {
  const why = reason === undefined ? "" : ` (${reason})`;
  const next = phase === "waiting" ? `, next try in ${Math.ceil(dueAt - now)} ms` : "";
  return phase + why + next;
}
