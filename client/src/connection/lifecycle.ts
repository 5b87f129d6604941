/** The common part of the lifecycles of a connection and of a subscription. */
import type { Code, RoomcastError } from "../codes.ts";

/**
 * Status of a room's connection. A room that is `unauthorized`, `forbidden` or `closed` does not
 * retry: it keeps this status until `client.connect()`.
 */
export type Status =
  "connecting" | "connected" | "reconnecting" | "unauthorized" | "forbidden" | "closed";

/** State of a room's connection, with the reason if it is not connected. */
export interface ConnectionStatus {
  readonly status: Status;
  /** Reason why the room is not connected, if known. */
  readonly reason: Code | undefined;
  /** Time of the next attempt, in ms since 1970. `undefined` if no attempt is scheduled. */
  readonly retryAt: number | undefined;
  /**
   * The error if the reason is `token_failed` or `dial_failed`. Its `cause` is the error that
   * `token` or the browser has thrown.
   */
  readonly error: RoomcastError | undefined;
}

export const INITIAL: ConnectionStatus = {
  status: "connecting",
  reason: undefined,
  retryAt: undefined,
  error: undefined,
};

export interface Lifecycle {
  /**
   * The phase is `idle` before the first use and after the last use, and `opening` during an
   * attempt. It is `waiting` before the next attempt, and `ended` if no attempt follows.
   */
  readonly phase: "idle" | "opening" | "open" | "waiting" | "ended";
  readonly status: Status;
  /** Reason why the connection or subscription is not open, if known. */
  readonly reason: Code | undefined;
  /** Error that caused `reason`, if this client has detected the error. */
  readonly error: RoomcastError | undefined;
  /**
   * Deadline of the phase, on the clock of `now`. In the phase `waiting`, `dueAt` is the time of
   * the next attempt.
   */
  readonly dueAt: number;
  /** End of the grace period, which starts when the last user has left. */
  readonly leaveAt: number;
  /** Number of consecutive attempts that failed, or led to a connection that was soon lost. */
  readonly attempts: number;
  readonly backoff: Backoff;
  /** State of a small random generator, so that the same inputs lead to the same effects. */
  readonly seed: number;
}

/** Limits of the random delay before an attempt to connect, in ms. */
export interface Backoff {
  /**
   * Ceiling of the first delay, 1,000 by default. The ceiling doubles after each failed attempt.
   */
  readonly minMs: number;
  /** Highest ceiling of a delay, 30,000 by default. */
  readonly maxMs: number;
}

export const NEVER = Infinity;
/** Time limit for opening a connection, and for the answer to a subscription's request. */
export const OPEN_MS = 10_000;
/** Time for which a connection or subscription stays open after its last user has left. */
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

/**
 * Returns whether the lifecycle is used and has not ended. It counts as used until a `tick` ends
 * its grace period.
 */
export const isActive = ({ phase }: Lifecycle): boolean => phase !== "idle" && phase !== "ended";

export const statusBeforeOpen = ({ status }: Lifecycle): Status =>
  status === "connected" || status === "reconnecting" ? "reconnecting" : "connecting";

/** Starts the wait for the next attempt, with exponential backoff and full jitter. */
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
 * Returns whether the lifecycle has no users and its grace period is over. An active lifecycle
 * counts as used until a `tick` ends its grace period.
 */
export const isUnused = ({ phase, leaveAt }: Lifecycle, now: number): boolean =>
  phase === "idle" || (phase === "ended" && now >= leaveAt);

export const ended = <Kind extends Lifecycle>(
  lifecycle: Kind,
  status: Status,
  reason: Code,
): Kind => ({
  ...lifecycle,
  // An idle lifecycle has no users. Its `leaveAt` becomes 0, so that `isUnused` still returns
  // `true` after the lifecycle has ended.
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
