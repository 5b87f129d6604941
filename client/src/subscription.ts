/**
 * The lifecycle of a room's subscription on a multiplexed connection, as a pure function: when to
 * subscribe, unsubscribe, retry and give up. It sends nothing itself: `shared.ts` sends its next
 * request, and then notifies it.
 */
import { verdictOf, type Code } from "./codes.ts";
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
} from "./lifecycle.ts";
import type { TransportInput } from "./transport.ts";
import type { Frame, Refusal } from "./protocol.ts";

export interface Subscription extends Lifecycle {
  /** The connection is open. */
  readonly carried: boolean;
  /**
   * The state on the server, as far as the client knows. An old session is always unsubscribed
   * before the next `subscribe`, so a `closed` never belongs to another session.
   */
  readonly serverState: "unsubscribed" | "subscribing" | "subscribed" | "unsubscribing";
  /** When the answer to a wish is overdue. */
  readonly answerAt: number;
  /** From when on a subscription that is open has proven itself. */
  readonly provenAt: number;
}

export type SubscriptionInput =
  | TransportInput
  /** What the connection has become. */
  | { readonly type: "carried"; readonly by: Lifecycle }
  /** The wish was sent. */
  | { readonly type: "asked" }
  | { readonly type: "heard"; readonly frame: Frame }
  | { readonly type: "tick" };

const PROVEN_MS = 20_000;

export const newSubscription = (backoff: Backoff, seed: number): Subscription => ({
  ...newLifecycle(backoff, seed),
  carried: false,
  serverState: "unsubscribed",
  answerAt: NEVER,
  provenAt: NEVER,
});

/** What is sent, and its `ref`: none of a publish, for those are numbers. */
export type Wish = "subscribe" | "unsubscribe";

/** The wish that is out, and not answered yet. */
const refOf: Partial<Record<Subscription["serverState"], Wish>> = {
  subscribing: "subscribe",
  unsubscribing: "unsubscribe",
};

/** What it would send next. */
export function wishOf({ carried, phase, serverState }: Subscription): Wish | undefined {
  if (!carried || serverState === "unsubscribing") return undefined;
  if (serverState === "unsubscribed") return phase === "opening" ? "subscribe" : undefined;
  return phase === (serverState === "subscribing" ? "opening" : "open") ? undefined : "unsubscribe";
}

/** Whether its connection may forget it. */
export const isGone = (subscription: Subscription): boolean =>
  !isActive(subscription) && subscription.serverState === "unsubscribed";

/** When it wants a `tick`. */
export const wakeAt = (subscription: Subscription): number =>
  Math.min(
    isActive(subscription) ? subscription.leaveAt : NEVER,
    subscription.phase === "waiting" ? subscription.dueAt : NEVER,
    subscription.carried ? subscription.answerAt : NEVER,
  );

export function step(
  subscription: Subscription,
  input: SubscriptionInput,
  now: number,
): Subscription {
  switch (input.type) {
    case "use":
      return {
        ...(subscription.phase === "idle" ? opening(subscription) : subscription),
        leaveAt: NEVER,
      };
    case "leave":
      return { ...subscription, leaveAt: now + GRACE_MS };
    case "carried":
      return carried(subscription, input.by);
    case "asked":
      return {
        ...subscription,
        serverState: subscription.serverState === "unsubscribed" ? "subscribing" : "unsubscribing",
        answerAt: now + OPEN_MS,
      };
    case "heard":
      return heard(subscription, input.frame, now);
    case "missed":
      return again(subscription, "offline", now);
    case "connect":
      return subscription.phase === "open" ? subscription : restart(subscription, now);
    case "restart":
      return restart(subscription, now);
    case "end":
      return ended(subscription, input.status, input.reason);
    case "tick":
      return tick(subscription, now);
  }
}

/** The server has answered, or nothing is asked of it any more. */
const withServerState = (
  subscription: Subscription,
  serverState: Subscription["serverState"],
): Subscription => ({ ...subscription, serverState, answerAt: NEVER });

const idle = (subscription: Subscription): Subscription => ({
  ...subscription,
  ...newLifecycle(subscription.backoff, subscription.seed),
});

const restart = (subscription: Subscription, now: number): Subscription =>
  isUnused(subscription, now) ? idle(subscription) : opening({ ...subscription, attempts: 0 });

const opening = (subscription: Subscription): Subscription => ({
  ...subscription,
  phase: "opening",
  status: statusBeforeOpen(subscription),
  dueAt: NEVER,
});

function carried(
  subscription: Subscription,
  { phase, status, reason, error, dueAt }: Lifecycle,
): Subscription {
  if (phase === "open") {
    if (subscription.carried) return subscription;
    const isLate = isActive(subscription) && subscription.phase !== "opening";
    return { ...(isLate ? opening(subscription) : subscription), carried: true };
  }
  // With the connection went its sessions, and what was asked of it.
  const dropped = { ...withServerState(subscription, "unsubscribed"), carried: false };
  if (!isActive(subscription)) return dropped;
  if (phase === "ended") return ended(dropped, status, reason ?? "closed");
  // A connection that goes over to a better transport says that it is connected all the while.
  const reopening = {
    ...opening(dropped),
    reason,
    error,
    ...(status === "connected" && { status: subscription.status }),
  };
  return phase === "waiting" ? { ...reopening, phase, dueAt } : reopening;
}

function heard(subscription: Subscription, frame: Frame, now: number): Subscription {
  switch (frame.type) {
    case "welcome":
      return subscription.serverState === "unsubscribing"
        ? subscription
        : welcome(subscription, now);
    case "closed":
      return closed(subscription, frame.code, now);
    case "error":
      return refused(subscription, frame);
    default:
      return subscription;
  }
}

function welcome(subscription: Subscription, now: number): Subscription {
  const subscribed = withServerState(subscription, "subscribed");
  if (!isActive(subscription)) return subscribed;
  return {
    ...subscribed,
    phase: "open",
    status: "connected",
    reason: undefined,
    error: undefined,
    dueAt: NEVER,
    provenAt: now + PROVEN_MS,
  };
}

function closed(subscription: Subscription, code: number, now: number): Subscription {
  const out = withServerState(subscription, "unsubscribed");
  if (!isActive(subscription) || (subscription.serverState === "unsubscribing" && code === 1000))
    return out;
  const [reason, verdict] = verdictOf(code);
  if (verdict === "forbidden" || verdict === "closed") return ended(out, verdict, reason);
  // The token is the connection's, so that it is refused in one room alone is no news of it.
  return again(out, reason, now);
}

/** Who has proven itself starts over at the shortest wait. */
function again(subscription: Subscription, reason: Code, now: number): Subscription {
  const isProven = subscription.phase === "open" && now >= subscription.provenAt;
  return waiting(isProven ? { ...subscription, attempts: 0 } : subscription, reason, now);
}

/**
 * A refused wish is named by its `ref`. Servers that don't repeat that are believed where their
 * error does no harm: the wish was one too many, or the room was out already.
 */
function refused(subscription: Subscription, { ref, code }: Refusal): Subscription {
  const { serverState } = subscription;
  const isAnswer = ref === undefined || ref === refOf[serverState];
  // It would be refused again each time that it is tried.
  if (ref === "subscribe" && isAnswer && code === "bad_request") {
    return ended(withServerState(subscription, "unsubscribed"), "closed", code);
  }
  const isSettled =
    (serverState === "subscribing" && code === "rate_limited") ||
    (serverState === "unsubscribing" && code === "bad_request");
  return isAnswer && isSettled ? withServerState(subscription, "unsubscribed") : subscription;
}

function tick(subscription: Subscription, now: number): Subscription {
  if (isActive(subscription) && now >= subscription.leaveAt) {
    return idle(subscription);
  }
  if (now >= subscription.answerAt) {
    // The server may have it or not: it goes before it comes again.
    const overdue = withServerState(subscription, "subscribing");
    return subscription.phase === "opening" ? waiting(overdue, "timeout", now) : overdue;
  }
  return subscription.phase === "waiting" && now >= subscription.dueAt
    ? opening(subscription)
    : subscription;
}
