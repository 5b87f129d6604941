/**
 * A pure function that implements the lifecycle of a room's subscription on a multiplexed
 * connection. It decides when to subscribe, unsubscribe, retry and give up. It sends nothing
 * itself: `multiplexed.ts` sends the request that `nextRequest` returns, and confirms it with the
 * input `sent`.
 */
import { closeActionOf, type Code } from "../codes.ts";
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
import type { Frame } from "./frame.ts";
import type { ErrorDetails } from "../protocol.ts";

export interface Subscription extends Lifecycle {
  /** `true` while the connection is open. */
  readonly transportOpen: boolean;
  /**
   * State of the subscription on the server, as far as the client knows. The client always
   * unsubscribes an old session before the next `subscribe`. So a `closed` frame never belongs to
   * another session.
   */
  readonly state: "unsubscribed" | "subscribing" | "subscribed" | "unsubscribing";
  /** Deadline of the answer to the pending request. */
  readonly answerAt: number;
  /** Time from which an open subscription counts as stable. */
  readonly provenAt: number;
}

export type SubscriptionInput =
  | TransportInput
  /** The state of the connection has changed. */
  | { readonly type: "connection"; readonly connection: Lifecycle }
  /** The request that `nextRequest` returned was sent. */
  | { readonly type: "sent" }
  | { readonly type: "frame"; readonly frame: Frame }
  | { readonly type: "tick" };

const PROVEN_MS = 20_000;

export const newSubscription = (backoff: Backoff, seed: number): Subscription => ({
  ...newLifecycle(backoff, seed),
  transportOpen: false,
  state: "unsubscribed",
  answerAt: NEVER,
  provenAt: NEVER,
});

/**
 * Type of a request's frame, which is also the `ref` of that frame. The `ref` of a publish is a
 * number, so it never equals the `ref` of a request.
 */
export type SubscriptionRequest = "subscribe" | "unsubscribe";

/** For each server state, the request whose answer is pending. */
const pendingRequest: Partial<Record<Subscription["state"], SubscriptionRequest>> = {
  subscribing: "subscribe",
  unsubscribing: "unsubscribe",
};

/** Returns the request to send next, if any. */
export function nextRequest({
  transportOpen,
  phase,
  state,
}: Subscription): SubscriptionRequest | undefined {
  if (!transportOpen || state === "unsubscribing") return undefined;
  if (state === "unsubscribed") return phase === "opening" ? "subscribe" : undefined;
  return phase === (state === "subscribing" ? "opening" : "open") ? undefined : "unsubscribe";
}

/** Returns whether the connection may remove the subscription. */
export const canRemove = (subscription: Subscription): boolean =>
  !isActive(subscription) && subscription.state === "unsubscribed";

/** Returns the time of the next `tick`. */
export const wakeAt = (subscription: Subscription): number =>
  Math.min(
    isActive(subscription) ? subscription.leaveAt : NEVER,
    subscription.phase === "waiting" ? subscription.dueAt : NEVER,
    subscription.transportOpen ? subscription.answerAt : NEVER,
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
    case "connection":
      return onConnectionChange(subscription, input.connection);
    case "sent":
      return {
        ...subscription,
        state: subscription.state === "unsubscribed" ? "subscribing" : "unsubscribing",
        answerAt: now + OPEN_MS,
      };
    case "frame":
      return onFrame(subscription, input.frame, now);
    case "gap_detected":
      return retry(subscription, "offline", now);
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

/** Sets the server state, and clears the deadline of the answer. */
const withState = (subscription: Subscription, state: Subscription["state"]): Subscription => ({
  ...subscription,
  state,
  answerAt: NEVER,
});

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

function onConnectionChange(
  subscription: Subscription,
  { phase, status, reason, error, dueAt }: Lifecycle,
): Subscription {
  if (phase === "open") {
    if (subscription.transportOpen) return subscription;
    const mustReopen = isActive(subscription) && subscription.phase !== "opening";
    return { ...(mustReopen ? opening(subscription) : subscription), transportOpen: true };
  }
  // When a connection is lost, its sessions and pending requests are lost as well.
  const dropped = { ...withState(subscription, "unsubscribed"), transportOpen: false };
  if (!isActive(subscription)) return dropped;
  if (phase === "ended") return ended(dropped, status, reason ?? "closed");
  // A connection that switches to a better transport keeps the status `connected`, and so do its
  // rooms.
  const reopening = {
    ...opening(dropped),
    reason,
    error,
    ...(status === "connected" && { status: subscription.status }),
  };
  return phase === "waiting" ? { ...reopening, phase, dueAt } : reopening;
}

function onFrame(subscription: Subscription, frame: Frame, now: number): Subscription {
  switch (frame.type) {
    case "welcome":
      return subscription.state === "unsubscribing" ? subscription : onWelcome(subscription, now);
    case "closed":
      return onClosed(subscription, frame.code, now);
    case "error":
      return onRefusal(subscription, frame);
    default:
      return subscription;
  }
}

function onWelcome(subscription: Subscription, now: number): Subscription {
  const subscribed = withState(subscription, "subscribed");
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

function onClosed(subscription: Subscription, code: number, now: number): Subscription {
  const unsubscribed = withState(subscription, "unsubscribed");
  if (!isActive(subscription) || (subscription.state === "unsubscribing" && code === 1000))
    return unsubscribed;
  const [reason, action] = closeActionOf(code);
  if (action === "forbidden" || action === "closed") return ended(unsubscribed, action, reason);
  // The token belongs to the connection. A rejection by one room does not show that the token is
  // invalid, so only this room retries.
  return retry(unsubscribed, reason, now);
}

/**
 * Waits for the next attempt. After a stable subscription, the backoff restarts at its shortest
 * delay.
 */
function retry(subscription: Subscription, reason: Code, now: number): Subscription {
  const isStable = subscription.phase === "open" && now >= subscription.provenAt;
  return waiting(isStable ? { ...subscription, attempts: 0 } : subscription, reason, now);
}

/**
 * Handles the refusal of the request that `ref` names. A refusal without a `ref` may answer another
 * frame. It counts as the answer only in two cases, in which a wrong guess does no harm. Either a
 * `subscribe` has exceeded the rate limit, or an `unsubscribe` has found no subscription.
 */
function onRefusal(
  subscription: Subscription,
  { ref, code }: ErrorDetails & { readonly ref?: string },
): Subscription {
  const { state } = subscription;
  const isAnswer = ref === undefined || ref === pendingRequest[state];
  // The server would refuse every retry as well.
  if (ref === "subscribe" && isAnswer && code === "bad_request") {
    return ended(withState(subscription, "unsubscribed"), "closed", code);
  }
  const isUnsubscribed =
    (state === "subscribing" && code === "rate_limited") ||
    (state === "unsubscribing" && code === "bad_request");
  return isAnswer && isUnsubscribed ? withState(subscription, "unsubscribed") : subscription;
}

function tick(subscription: Subscription, now: number): Subscription {
  if (isActive(subscription) && now >= subscription.leaveAt) {
    return idle(subscription);
  }
  if (now >= subscription.answerAt) {
    // The server may have the session, so the client unsubscribes it before the next `subscribe`.
    const overdue = withState(subscription, "subscribing");
    return subscription.phase === "opening" ? waiting(overdue, "timeout", now) : overdue;
  }
  return subscription.phase === "waiting" && now >= subscription.dueAt
    ? opening(subscription)
    : subscription;
}
