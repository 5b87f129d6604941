/**
 * A pure function that implements the lifecycle of one connection. It decides when to dial, ping,
 * renew the token, retry and give up. It reads no clock, uses no socket, and handles no event of a
 * room. `socket.ts` performs the effects that the function returns, and sends a `tick` at the time
 * of `wakeAt`.
 */
import { closeActionOf, type Code, type RoomcastError } from "../codes.ts";
import {
  ended,
  GRACE_MS,
  isActive,
  isUnused,
  NEVER,
  newLifecycle,
  OPEN_MS,
  statusBeforeOpen,
  waiting,
  type Backoff,
  type Lifecycle,
  type Status,
} from "./lifecycle.ts";
import type { TransportInput } from "./transport.ts";
import type { Frame } from "./frame.ts";

/**
 * State of a connection. In the phase `opening`, `dueAt` is the deadline. In the phase `open`,
 * `dueAt` is the time of the next ping, or the deadline of a pong.
 */
export interface Connection extends Lifecycle {
  /** Time to replace the token, well before it expires. */
  readonly renewAt: number;
  /** Ping period in ms that the server requests. */
  readonly pingMs: number;
  /** `true` if no frame was received since the last ping was sent. */
  readonly unanswered: boolean;
  /**
   * `true` in the phase `opening` if a pong was received, so that the server may wait for a token.
   */
  readonly mayLackToken: boolean;
  /**
   * `true` if a token was rejected, and a new token was requested. A rejection of the new token is
   * final.
   */
  readonly refused: boolean;
  /** `true` if the connection carries many rooms. */
  readonly isMultiplexed: boolean;
}

export type Input =
  | TransportInput
  | { readonly type: "frame"; readonly frame: Frame }
  | { readonly type: "closed"; readonly closeCode: number }
  | { readonly type: "token_failed" | "dial_failed"; readonly error: RoomcastError }
  | { readonly type: "signed_out" }
  /** The network is back, or the page is visible again. */
  | { readonly type: "wake" }
  /** The wall clock was set, or the machine was suspended. */
  | { readonly type: "clock_stepped" }
  /** A better transport is available. The switch loses no event, so the status does not change. */
  | { readonly type: "switch_transport" }
  | { readonly type: "tick" };

export type Effect =
  /** Opens a socket, and closes the current socket, if any. */
  | { readonly type: "dial"; readonly newToken: boolean }
  | { readonly type: "close" | "ping" }
  /** Requests a new token and sends it in-band. */
  | { readonly type: "renew" };

type Step = readonly [after: Connection, effect?: Effect | undefined];

/**
 * Time limit of a pong if the connection may be dead. The limit can be short, because an
 * unnecessary reconnect loses no event.
 */
const PROBE_MS = 2_000;
/** Longest time between a pong and the `welcome` of a room that waits for no token. */
const WELCOME_MS = 1_000;
/**
 * Shortest time between two renewals of the token. It limits the number of renewals if this
 * client's clock is wrong. If the token expires before its renewal, the server still accepts it,
 * because the server's leeway on expiry is longer than this time.
 */
const MIN_RENEW_MS = 10_000;
/**
 * Time for which the server still accepts an expired token. So a token that is younger than this
 * time is not rejected as expired.
 */
const LEEWAY_MS = 30_000;

export function newConnection(backoff: Backoff, seed: number): Connection {
  return {
    ...newLifecycle(backoff, seed),
    renewAt: NEVER,
    pingMs: 0,
    unanswered: false,
    mayLackToken: false,
    refused: false,
    isMultiplexed: false,
  };
}

/** Returns the time of the next `tick`. */
export function wakeAt(connection: Connection): number {
  if (!isActive(connection)) return NEVER;
  const { phase, dueAt, leaveAt, renewAt } = connection;
  return Math.min(dueAt, leaveAt, phase === "open" ? renewAt : NEVER);
}

/** Applies an input. `wallNow` is in ms since 1970, like the expiry of a token. */
export function step(connection: Connection, input: Input, now: number, wallNow: number): Step {
  const { phase } = connection;
  switch (input.type) {
    case "use": {
      const used = { ...connection, leaveAt: NEVER };
      return phase === "idle" ? dial(used, now) : [used];
    }
    case "leave":
      return [{ ...connection, leaveAt: now + GRACE_MS }];
    case "frame":
      return onFrame(connection, input.frame, now, wallNow);
    case "closed":
      return onClose(connection, input.closeCode, now);
    case "gap_detected":
      return retry(connection, "offline", now);
    case "dial_failed":
      return retry(connection, input.type, now, input.error);
    case "token_failed":
      return phase === "open" ? [connection] : retry(connection, input.type, now, input.error);
    case "signed_out":
      return end(connection, "unauthorized", "unauthorized");
    case "wake":
      return wake({ ...connection, attempts: 0 }, now);
    case "clock_stepped":
      // The clock `now` may stand still while the machine is suspended, so the token may expire
      // earlier than `renewAt` assumes.
      return wake({ ...connection, attempts: 0, renewAt: Math.min(connection.renewAt, now) }, now);
    case "switch_transport": {
      const [dialled, effect] = dial(connection, now);
      return [{ ...dialled, status: connection.status }, effect];
    }
    case "connect":
      return phase === "open" ? [connection] : restart(connection, now);
    case "restart":
      return restart(connection, now);
    case "end":
      return end(connection, input.status, input.reason);
    case "tick":
      return tick(connection, now);
  }
}

/**
 * Reconnects immediately. An unused connection is only reset, and connects when it is used again.
 */
function restart(connection: Connection, now: number): Step {
  if (!isUnused(connection, now)) {
    return dial({ ...connection, attempts: 0, refused: false, renewAt: now }, now);
  }
  const { backoff, seed } = connection;
  return [{ ...newConnection(backoff, seed), renewAt: now }];
}

function dial(connection: Connection, now: number): Step {
  const newToken = now >= connection.renewAt;
  // A second rejection is final, so an expired token must not cause it. If the server stays
  // unreachable for `LEEWAY_MS`, the token may expire meanwhile. So the first dial after this time
  // requests a new token.
  const nextRenewAt = connection.refused ? now + LEEWAY_MS : NEVER;
  return [
    {
      ...connection,
      phase: "opening",
      status: statusBeforeOpen(connection),
      dueAt: now + OPEN_MS,
      renewAt: newToken ? nextRenewAt : connection.renewAt,
      unanswered: false,
      mayLackToken: false,
    },
    { type: "dial", newToken },
  ];
}

function onFrame(connection: Connection, frame: Frame, now: number, wallNow: number): Step {
  const { phase } = connection;
  // A `welcome` in another phase belongs to a room on a multiplexed connection.
  if (phase === "opening" && (frame.type === "welcome" || frame.type === "connected")) {
    return open(connection, frame, now, wallNow);
  }
  // This client has no token to send: it relies on a cookie, or on a public room. The runtime may
  // answer the ping just before the room sends `welcome`. If `welcome` does not follow, the server
  // waits for a token.
  if (phase === "opening" && frame.type === "pong") {
    return [{ ...connection, mayLackToken: true, dueAt: now + WELCOME_MS }];
  }
  const alive = connection.unanswered ? answered(connection, now) : connection;
  if (frame.type === "welcome" && alive.refused) return [{ ...alive, refused: false }];
  if (frame.type !== "authorized") return [alive];
  return [{ ...alive, renewAt: renewalOf(frame, now, wallNow) }];
}

function open(
  connection: Connection,
  frame: Frame & { readonly type: "welcome" | "connected" },
  now: number,
  wallNow: number,
): Step {
  const opened: Connection = {
    ...connection,
    phase: "open",
    status: "connected",
    reason: undefined,
    error: undefined,
    pingMs: frame.ping_ms,
    // An unverified token counts as accepted only after the first room's `welcome`.
    refused: connection.refused && "unverified" in frame,
    isMultiplexed: frame.type === "connected",
    renewAt: renewalOf(frame, now, wallNow),
  };
  // Sends a ping immediately. If a client has never sent a frame, workerd delays the close of its
  // socket by several seconds.
  return ping(opened, now, frame.ping_ms / 4);
}

/**
 * Returns the time when a tenth of the token's remaining lifetime is left, or `now + MIN_RENEW_MS`
 * if that is later. Without a token, there is no such time.
 */
function renewalOf(
  frame: { readonly expires_at: number | null },
  now: number,
  wallNow: number,
): number {
  const remainingMs = (frame.expires_at ?? 0) - wallNow;
  // By this client's clock, the token has expired, but the server has accepted it. So this clock is
  // wrong: wait until the server closes the connection with 4001.
  if (remainingMs <= 0) return NEVER;
  return now + Math.max(MIN_RENEW_MS, remainingMs * 0.9);
}

function ping(connection: Connection, now: number, answerMs: number): Step {
  return [{ ...connection, unanswered: true, dueAt: now + answerMs }, { type: "ping" }];
}

/**
 * Handles a frame that shows that the connection is alive. The next ping is sent after three
 * quarters of a period, and its pong is due within the last quarter. So a dead socket is detected
 * within one period.
 */
const answered = (connection: Connection, now: number): Connection => ({
  ...connection,
  unanswered: false,
  dueAt: now + connection.pingMs * 0.75,
});

function onClose(connection: Connection, closeCode: number, now: number): Step {
  const [reason, action] = closeActionOf(closeCode);
  // The server has closed the connection because it refused frames of some rooms. These rooms have
  // ended individually, and the other rooms reconnect.
  const isCausedByRooms = connection.isMultiplexed && reason === "bad_request";
  if (action === "retry" || isCausedByRooms) return retry(connection, reason, now);
  if (action !== "new_token") return end(connection, action, reason);
  if (connection.refused) return end(connection, "unauthorized", reason);
  return dial({ ...connection, reason, error: undefined, refused: true, renewAt: now }, now);
}

const retry = (connection: Connection, reason: Code, now: number, error?: RoomcastError): Step => [
  waiting(connection, reason, now, error),
  { type: "close" },
];

const end = (connection: Connection, status: Status, reason: Code): Step => [
  ended(connection, status, reason),
  { type: "close" },
];

function wake(connection: Connection, now: number): Step {
  if (connection.phase === "waiting") return dial(connection, now);
  if (connection.phase === "open") return ping(connection, now, PROBE_MS);
  return [connection];
}

function tick(connection: Connection, now: number): Step {
  if (now >= connection.leaveAt) {
    return [newConnection(connection.backoff, connection.seed), { type: "close" }];
  }
  if (now >= connection.dueAt) return onDeadline(connection, now);
  if (connection.phase === "open" && now >= connection.renewAt) {
    // If no `authorized` is received within 10 s, the renewal is retried. The cause may be a
    // missing token, or a frame that exceeded the rate limit.
    return [{ ...connection, renewAt: now + MIN_RENEW_MS }, { type: "renew" }];
  }
  return [connection];
}

function onDeadline(connection: Connection, now: number): Step {
  const { phase, pingMs, dueAt } = connection;
  if (phase === "opening") {
    return connection.mayLackToken
      ? end(connection, "unauthorized", "unauthorized")
      : retry(connection, "timeout", now);
  }
  if (phase === "waiting") return dial(connection, now);
  if (connection.unanswered) return dial({ ...connection, reason: "offline" }, now);
  // If the timer fires more than a period late, the page was suspended, and the socket may have
  // died meanwhile.
  const answerMs = now - dueAt > pingMs ? PROBE_MS : pingMs / 4;
  // The connection has lasted for most of a period, so the backoff restarts at its shortest delay.
  return ping({ ...connection, attempts: 0 }, now, answerMs);
}
