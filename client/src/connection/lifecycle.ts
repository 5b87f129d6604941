/** The common part of the lifecycles of a socket and of a subscription. */
import type { Code, RoomcastError } from "../codes.ts";

export type Status =
  "connecting" | "connected" | "reconnecting" | "unauthorized" | "forbidden" | "closed";

/** The part of a lifecycle that an app can read. */
export interface ConnectionStatus {
  readonly status: Status;
  /** Why it is not connected, where that is known. */
  readonly reason: Code | undefined;
  /** When it is tried again, in ms since 1970. */
  readonly retryAt: number | undefined;
  /** What `token` threw, or the browser, where that is the reason. */
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
  /** Why it is not connected, where that is known. */
  readonly reason: Code | undefined;
  /** What has led to the reason, where it came from within this client. */
  readonly error: RoomcastError | undefined;
  /** When the phase wants attention, by `now`; while waiting, the next try. */
  readonly dueAt: number;
  /** When the grace of one without users is over. */
  readonly leaveAt: number;
  /** Tries in a row that failed, or led to a connection that was lost soon. */
  readonly attempts: number;
  readonly backoff: Backoff;
  /** The state of a small random generator, so that the same inputs lead to the same effects. */
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

/** Whether somebody has it, or has just left, and it has not ended. */
export const isActive = ({ phase }: Lifecycle): boolean => phase !== "idle" && phase !== "ended";

export const statusBeforeOpen = ({ status }: Lifecycle): Status =>
  status === "connected" || status === "reconnecting" ? "reconnecting" : "connecting";

/** Until the next try: exponential backoff with full jitter. */
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

/** Whether nobody uses it, nor has left it just now. While it is active, a `tick` finds that out. */
export const isUnused = ({ phase, leaveAt }: Lifecycle, now: number): boolean =>
  phase === "idle" || (phase === "ended" && now >= leaveAt);

export const ended = <Kind extends Lifecycle>(
  lifecycle: Kind,
  status: Status,
  reason: Code,
): Kind => ({
  ...lifecycle,
  // Nobody used it, and that is to be known when it begins afresh.
  leaveAt: lifecycle.phase === "idle" ? 0 : lifecycle.leaveAt,
  phase: "ended",
  status,
  reason,
  error: undefined,
  dueAt: NEVER,
});

/** For `debug`. */
export function describe({ phase, status, reason, dueAt }: Lifecycle, now: number): string {
  const why = reason === undefined ? "" : ` (${reason})`;
  if (phase === "opening") return `connecting${why}`;
  if (phase === "open") return "connected";
  if (phase === "ended") return `ended, ${status}${why}`;
  return phase === "idle" ? "left" : `lost${why}, next try in ${Math.ceil(dueAt - now)} ms`;
}
