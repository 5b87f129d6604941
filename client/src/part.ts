/**
 * The life of a room's part in a connection for many rooms, as a pure function: when to subscribe
 * and unsubscribe, try again, and give up. It sends nothing: it says what it wishes for, and is
 * told when that went out. `shared.ts` does both.
 */
import { verdictOf, type Code } from "./codes.ts";
import {
  ended,
  GRACE_MS,
  isActive,
  isUnused,
  NEVER,
  newLife,
  OPEN_MS,
  statusBeforeOpen,
  waiting,
  type Backoff,
  type Life,
} from "./life.ts";
import type { TransportInput } from "./transport.ts";
import type { Frame, Refusal } from "./protocol.ts";

export interface Part extends Life {
  /** The connection is open. */
  readonly carried: boolean;
  /**
   * What the server has of it, as far as is known: nothing, the wish to come in, a session, or the
   * wish to go. What it has is given up before it is asked for anew: so a `closed` is never taken
   * for that of another session.
   */
  readonly seat: "none" | "asked" | "taken" | "left";
  /** When the answer to a wish is overdue. */
  readonly answerAt: number;
  /** From when on a part that is open has proven itself. */
  readonly provenAt: number;
}

export type PartInput =
  | TransportInput
  /** What the connection has become. */
  | { readonly type: "carried"; readonly by: Life }
  /** The wish was sent. */
  | { readonly type: "asked" }
  | { readonly type: "heard"; readonly frame: Frame }
  | { readonly type: "tick" };

const PROVEN_MS = 20_000;

export const newPart = (backoff: Backoff, seed: number): Part => ({
  ...newLife(backoff, seed),
  carried: false,
  seat: "none",
  answerAt: NEVER,
  provenAt: NEVER,
});

/** What is sent, and its `ref`: none of a publish, for those are numbers. */
export type Wish = "subscribe" | "unsubscribe";

/** The wish that is out, and not answered yet. */
const refOf: Partial<Record<Part["seat"], Wish>> = { asked: "subscribe", left: "unsubscribe" };

/** What it would send next. */
export function wishOf({ carried, phase, seat }: Part): Wish | undefined {
  if (!carried || seat === "left") return undefined;
  if (seat === "none") return phase === "opening" ? "subscribe" : undefined;
  return phase === (seat === "asked" ? "opening" : "open") ? undefined : "unsubscribe";
}

/** Whether its connection may forget it. */
export const isGone = (part: Part): boolean => !isActive(part) && part.seat === "none";

/** When it wants a `tick`. */
export const wakeAt = (part: Part): number =>
  Math.min(
    isActive(part) ? part.leaveAt : NEVER,
    part.phase === "waiting" ? part.dueAt : NEVER,
    part.carried ? part.answerAt : NEVER,
  );

export function step(part: Part, input: PartInput, now: number): Part {
  switch (input.type) {
    case "use":
      return { ...(part.phase === "idle" ? opening(part) : part), leaveAt: NEVER };
    case "leave":
      return { ...part, leaveAt: now + GRACE_MS };
    case "carried":
      return carried(part, input.by);
    case "asked":
      return {
        ...part,
        seat: part.seat === "none" ? "asked" : "left",
        answerAt: now + OPEN_MS,
      };
    case "heard":
      return heard(part, input.frame, now);
    case "missed":
      return again(part, "offline", now);
    case "connect":
      return part.phase === "open" ? part : restart(part, now);
    case "restart":
      return restart(part, now);
    case "end":
      return ended(part, input.status, input.reason);
    case "tick":
      return tick(part, now);
  }
}

/** The server has answered, or nothing is asked of it any more. */
const seated = (part: Part, seat: Part["seat"]): Part => ({ ...part, seat, answerAt: NEVER });

const idle = (part: Part): Part => ({ ...part, ...newLife(part.backoff, part.seed) });

const restart = (part: Part, now: number): Part =>
  isUnused(part, now) ? idle(part) : opening({ ...part, attempts: 0 });

const opening = (part: Part): Part => ({
  ...part,
  phase: "opening",
  status: statusBeforeOpen(part),
  dueAt: NEVER,
});

function carried(part: Part, { phase, status, reason, error, dueAt }: Life): Part {
  if (phase === "open") {
    if (part.carried) return part;
    const isLate = isActive(part) && part.phase !== "opening";
    return { ...(isLate ? opening(part) : part), carried: true };
  }
  // With the connection went its sessions, and what was asked of it.
  const dropped = { ...seated(part, "none"), carried: false };
  if (!isActive(part)) return dropped;
  if (phase === "ended") return ended(dropped, status, reason ?? "closed");
  // A connection that goes over to a better transport says that it is connected all the while.
  const reopening = {
    ...opening(dropped),
    reason,
    error,
    ...(status === "connected" && { status: part.status }),
  };
  return phase === "waiting" ? { ...reopening, phase, dueAt } : reopening;
}

function heard(part: Part, frame: Frame, now: number): Part {
  switch (frame.type) {
    case "welcome":
      return part.seat === "left" ? part : welcome(part, now);
    case "closed":
      return closed(part, frame.code, now);
    case "error":
      return refused(part, frame);
    default:
      return part;
  }
}

function welcome(part: Part, now: number): Part {
  const taken = seated(part, "taken");
  if (!isActive(part)) return taken;
  return {
    ...taken,
    phase: "open",
    status: "connected",
    reason: undefined,
    error: undefined,
    dueAt: NEVER,
    provenAt: now + PROVEN_MS,
  };
}

function closed(part: Part, code: number, now: number): Part {
  const out = seated(part, "none");
  if (!isActive(part) || (part.seat === "left" && code === 1000)) return out;
  const [reason, verdict] = verdictOf(code);
  if (verdict === "forbidden" || verdict === "closed") return ended(out, verdict, reason);
  // The token is the connection's, so that it is refused in one room alone is no news of it.
  return again(out, reason, now);
}

/** Who has proven itself starts over at the shortest wait. */
function again(part: Part, reason: Code, now: number): Part {
  const isProven = part.phase === "open" && now >= part.provenAt;
  return waiting(isProven ? { ...part, attempts: 0 } : part, reason, now);
}

/**
 * A refused wish is named by its `ref`. Servers that don't repeat that are believed where their
 * error does no harm: the wish was one too many, or the room was out already.
 */
function refused(part: Part, { ref, code }: Refusal): Part {
  const { seat } = part;
  const isAnswer = ref === undefined || ref === refOf[seat];
  // It would be refused again each time that it is tried.
  if (ref === "subscribe" && isAnswer && code === "bad_request") {
    return ended(seated(part, "none"), "closed", code);
  }
  const isSettled =
    (seat === "asked" && code === "rate_limited") || (seat === "left" && code === "bad_request");
  return isAnswer && isSettled ? seated(part, "none") : part;
}

function tick(part: Part, now: number): Part {
  if (isActive(part) && now >= part.leaveAt) {
    return idle(part);
  }
  if (now >= part.answerAt) {
    // The server may have it or not: it goes before it comes again.
    const overdue = seated(part, "asked");
    return part.phase === "opening" ? waiting(overdue, "timeout", now) : overdue;
  }
  return part.phase === "waiting" && now >= part.dueAt ? opening(part) : part;
}
