/**
 * The lifecycle of one connection as a pure function: when to dial, ping, renew the token, retry
 * and give up. It uses no socket and no clock, and ignores the rooms' frames. `socket.ts` performs
 * its effects and sends a `tick` at the time of `wakeAt`.
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
import type { Connected, Frame, Welcome } from "../protocol.ts";

/**
 * `dueAt` is also the deadline of opening, the time of the next ping, or the deadline of its pong.
 */
export interface Connection extends Lifecycle {
  /** When to replace the token, well before it expires. */
  readonly renewAt: number;
  readonly pingMs: number;
  /** A ping was sent, and no frame was received since. */
  readonly unanswered: boolean;
  /** A token was rejected, and a new one was requested since. */
  readonly refused: boolean;
  /** It is a multiplexed connection. */
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
  /** A better transport is available. The switch loses nothing, so the status does not change. */
  | { readonly type: "switch_transport" }
  | { readonly type: "tick" };

export type Effect =
  /** Opens a socket and replaces an existing one. */
  | { readonly type: "dial"; readonly newToken: boolean }
  | { readonly type: "close" | "ping" }
  /** Requests a new token and sends it in-band. */
  | { readonly type: "renew" };

type Step = readonly [after: Connection, effect?: Effect | undefined];

/** Time limit of a pong when the connection may be dead. A needless reconnect loses nothing. */
const PROBE_MS = 2_000;
/**
 * Shortest time between two renewals, also with a wrong clock. The server's leeway on expiry is
 * longer.
 */
const MIN_RENEW_MS = 10_000;
/** The server's leeway on expiry: a newer token than this has not expired. */
const LEEWAY_MS = 30_000;

export function newConnection(backoff: Backoff, seed: number): Connection {
  return {
    ...newLifecycle(backoff, seed),
    renewAt: NEVER,
    pingMs: 0,
    unanswered: false,
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
      // This clock may stand still during a suspend, so the token may expire earlier than `renewAt`
      // assumes.
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

/** Restarts at once, or with the next user if there is none. */
function restart(connection: Connection, now: number): Step {
  if (!isUnused(connection, now)) {
    return dial({ ...connection, attempts: 0, refused: false, renewAt: now }, now);
  }
  const { backoff, seed } = connection;
  return [{ ...newConnection(backoff, seed), renewAt: now }];
}

function dial(connection: Connection, now: number): Step {
  const newToken = now >= connection.renewAt;
  // A second rejection is final, so it must not be caused by a token that expired while the server
  // was unreachable.
  const nextRenewAt = connection.refused ? now + LEEWAY_MS : NEVER;
  return [
    {
      ...connection,
      phase: "opening",
      status: statusBeforeOpen(connection),
      dueAt: now + OPEN_MS,
      renewAt: newToken ? nextRenewAt : connection.renewAt,
      unanswered: false,
    },
    { type: "dial", newToken },
  ];
}

function onFrame(connection: Connection, frame: Frame, now: number, wallNow: number): Step {
  const { phase } = connection;
  // A later `welcome` belongs to a room on a multiplexed connection.
  if (phase === "opening" && (frame.type === "welcome" || frame.type === "connected")) {
    return open(connection, frame, now, wallNow);
  }
  // An authenticated client receives `welcome` first. A pong before it means that the server waits
  // for a token, and this client has none to send: its cookie is missing.
  if (phase === "opening" && frame.type === "pong") {
    return end(connection, "unauthorized", "unauthorized");
  }
  const alive = connection.unanswered ? answered(connection, now) : connection;
  if (frame.type === "welcome" && alive.refused) return [{ ...alive, refused: false }];
  if (frame.type !== "authorized") return [alive];
  return [{ ...alive, renewAt: renewalOf(frame, now, wallNow) }];
}

function open(
  connection: Connection,
  frame: Welcome | Connected,
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
    // The first room shows whether the server accepts the token.
    refused: connection.refused && frame.type === "connected" && frame.unverified === true,
    isMultiplexed: frame.type === "connected",
    renewAt: renewalOf(frame, now, wallNow),
  };
  // Sends a ping at once: when workerd closes a socket whose client has never sent a frame, the
  // close is delayed by seconds.
  return ping(opened, now, frame.ping_ms / 4);
}

/** Returns the time when a tenth of the token's remaining lifetime is left. */
function renewalOf(frame: { expires_at: number }, now: number, wallNow: number): number {
  const remainingMs = frame.expires_at - wallNow;
  // Expired by this clock but accepted by the server: this clock is wrong, so wait for a close with
  // 4001.
  if (remainingMs <= 0) return NEVER;
  return now + Math.max(MIN_RENEW_MS, remainingMs * 0.9);
}

function ping(connection: Connection, now: number, answerMs: number): Step {
  return [{ ...connection, unanswered: true, dueAt: now + answerMs }, { type: "ping" }];
}

/**
 * Waits three quarters of a period until the next ping, and one quarter for its pong. So a dead
 * socket is detected within one period.
 */
const answered = (connection: Connection, now: number): Connection => ({
  ...connection,
  unanswered: false,
  dueAt: now + connection.pingMs * 0.75,
});

function onClose(connection: Connection, closeCode: number, now: number): Step {
  const [reason, verdict] = closeActionOf(closeCode);
  // The rooms whose frames were refused have ended individually. The others reconnect.
  const isOfOneRoom = connection.isMultiplexed && reason === "bad_request";
  if (verdict === "retry" || isOfOneRoom) return retry(connection, reason, now);
  if (verdict !== "new_token") return end(connection, verdict, reason);
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
    // Retries soon unless `authorized` is received: there may be no token, or the frame exceeded
    // the rate limit.
    return [{ ...connection, renewAt: now + MIN_RENEW_MS }, { type: "renew" }];
  }
  return [connection];
}

function onDeadline(connection: Connection, now: number): Step {
  const { phase, pingMs, dueAt } = connection;
  if (phase === "opening") return retry(connection, "timeout", now);
  if (phase === "waiting") return dial(connection, now);
  if (connection.unanswered) return dial({ ...connection, reason: "offline" }, now);
  // If the timer is late by more than a period, it was suspended, and the socket may have died
  // meanwhile.
  const answerMs = now - dueAt > pingMs ? PROBE_MS : pingMs / 4;
  // The connection has lasted for most of a period, so the backoff restarts at its shortest delay.
  return ping({ ...connection, attempts: 0 }, now, answerMs);
}
