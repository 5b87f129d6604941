/**
 * The life of one connection as a pure function: when to dial, ping, renew the token, try again,
 * and give up. It knows neither sockets nor clocks nor what the rooms say over it; `socket.ts`
 * performs its effects and wakes it at the time it asks for.
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

/** `dueAt` is also the time limit of opening, the next ping, or the time limit of its answer. */
export interface Connection extends Lifecycle {
  /** When the token should be replaced, well before it expires. */
  readonly renewAt: number;
  readonly pingMs: number;
  /** A ping went out, and nothing has been heard since. */
  readonly unanswered: boolean;
  /** A token was refused, and a new one has been asked for since. */
  readonly refused: boolean;
  /** It carries many rooms. */
  readonly isForMany: boolean;
}

export type Input =
  | TransportInput
  | { readonly type: "frame_received"; readonly frame: Frame }
  | { readonly type: "socket_closed"; readonly closeCode: number }
  | { readonly type: "token_failed" | "dial_failed"; readonly error: RoomcastError }
  | { readonly type: "signed_out" }
  /** The network came back, or the page was shown again. */
  | { readonly type: "wake" }
  /** The wall clock was set, or the machine slept. */
  | { readonly type: "clock_stepped" }
  /** There is a better transport. Nothing is lost by going over to it, so no status tells of it. */
  | { readonly type: "switch_transport" }
  | { readonly type: "tick" };

export type Effect =
  /** Replaces a socket that is still there. */
  | { readonly type: "dial"; readonly newToken: boolean }
  | { readonly type: "close" | "ping" }
  /** Get a new token and send it in-band. */
  | { readonly type: "renew" };

type Step = readonly [after: Connection, effect?: Effect | undefined];

/** How soon a connection of unknown health must answer. A needless reconnect loses nothing. */
const PROBE_MS = 2_000;
/** Bounds what a clock that is far off can cost. The server's leeway on expiry is longer. */
const MIN_RENEW_MS = 10_000;
/** The server's leeway on expiry: a token that is younger than this has not ended. */
const LEEWAY_MS = 30_000;

export function newConnection(backoff: Backoff, seed: number): Connection {
  return {
    ...newLifecycle(backoff, seed),
    renewAt: NEVER,
    pingMs: 0,
    unanswered: false,
    refused: false,
    isForMany: false,
  };
}

/** When the connection wants a `tick`. */
export function wakeAt(connection: Connection): number {
  if (!isActive(connection)) return NEVER;
  const { phase, dueAt, leaveAt, renewAt } = connection;
  return Math.min(dueAt, leaveAt, phase === "open" ? renewAt : NEVER);
}

/** `wallNow` is the time in ms since 1970, in which the server says when a token expires. */
export function step(connection: Connection, input: Input, now: number, wallNow: number): Step {
  const { phase } = connection;
  switch (input.type) {
    case "use": {
      const used = { ...connection, leaveAt: NEVER };
      return phase === "idle" ? dial(used, now) : [used];
    }
    case "leave":
      return [{ ...connection, leaveAt: now + GRACE_MS }];
    case "frame_received":
      return onFrame(connection, input.frame, now, wallNow);
    case "socket_closed":
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
      // While the machine slept, the token came closer to its end than this clock knows.
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

/** Without users, it waits for the next one. */
function restart(connection: Connection, now: number): Step {
  if (!isUnused(connection, now)) {
    return dial({ ...connection, attempts: 0, refused: false, renewAt: now }, now);
  }
  const { backoff, seed } = connection;
  return [{ ...newConnection(backoff, seed), renewAt: now }];
}

function dial(connection: Connection, now: number): Step {
  const newToken = now >= connection.renewAt;
  // Another refusal is final, so it must not be that of a token which ended while nobody answered.
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
  // A later `welcome` is that of a room on a connection for many.
  if (phase === "opening" && (frame.type === "welcome" || frame.type === "connected")) {
    return open(connection, frame, now, wallNow);
  }
  // Whoever is known is welcomed first: the server waits for a token, and there is none but a cookie.
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
    // The first room shows whether the token is taken.
    refused: connection.refused && frame.type === "connected" && frame.unverified === true,
    isForMany: frame.type === "connected",
    renewAt: renewalOf(frame, now, wallNow),
  };
  // A ping at once, because workerd holds a socket it closes open for seconds
  // if the client has never sent a frame.
  return ping(opened, now, frame.ping_ms / 4);
}

/** When a tenth of what the token has to live is left. */
function renewalOf(frame: { expires_at: number }, now: number, wallNow: number): number {
  const remainingMs = frame.expires_at - wallNow;
  // Expired by this clock but accepted by the server: the clock is wrong, so wait to be told (4001).
  if (remainingMs <= 0) return NEVER;
  return now + Math.max(MIN_RENEW_MS, remainingMs * 0.9);
}

function ping(connection: Connection, now: number, answerMs: number): Step {
  return [{ ...connection, unanswered: true, dueAt: now + answerMs }, { type: "ping" }];
}

/** Three quarters of a period until the next ping and one for its answer: a dead socket is noticed within one period. */
const answered = (connection: Connection, now: number): Connection => ({
  ...connection,
  unanswered: false,
  dueAt: now + connection.pingMs * 0.75,
});

function onClose(connection: Connection, closeCode: number, now: number): Step {
  const [reason, verdict] = closeActionOf(closeCode);
  // The rooms whose frames were refused have ended, each by itself. The others come back.
  const isOfOneRoom = connection.isForMany && reason === "bad_request";
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
    // Again soon, unless `authorized` comes: there may be no token, or the frame one too many.
    return [{ ...connection, renewAt: now + MIN_RENEW_MS }, { type: "renew" }];
  }
  return [connection];
}

function onDeadline(connection: Connection, now: number): Step {
  const { phase, pingMs, dueAt } = connection;
  if (phase === "opening") return retry(connection, "timeout", now);
  if (phase === "waiting") return dial(connection, now);
  if (connection.unanswered) return dial({ ...connection, reason: "offline" }, now);
  // A timer that is late by more than a period stood still, and the socket may have died meanwhile.
  const answerMs = now - dueAt > pingMs ? PROBE_MS : pingMs / 4;
  // It has lived for most of a period, which is proof enough to start over at the shortest wait.
  return ping({ ...connection, attempts: 0 }, now, answerMs);
}
