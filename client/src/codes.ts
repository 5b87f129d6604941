/** Codes of the wire contract, section 9. */
export type WireCode =
  | "bad_request"
  | "unauthorized"
  | "token_expired"
  | "forbidden"
  | "not_found"
  | "method_not_allowed"
  | "position_lost"
  | "too_large"
  | "rate_limited"
  | "ping_timeout"
  | "kicked"
  | "erased"
  | "room_full"
  | "internal"
  | "restarting";

/** What only a client can know. */
export type LocalCode =
  /** The network, or the server behind it, can't be reached. */
  | "offline"
  /** No answer within the time limit. Of a publish, stored or not is unknown. */
  | "timeout"
  /** The `token` callback failed, or what it returned is no token: `cause` is what it threw. */
  | "token_failed"
  /** The browser opens no socket to that `url`: it is no good, or not safe enough for the page. */
  | "dial_failed"
  /** WebSockets are blocked, and the file with the fallback could not be loaded from the page's server. */
  | "load_failed"
  /** Too many publishes are waiting for their ack. */
  | "queue_full"
  /** The app called `disconnect`. */
  | "disconnected"
  /** The app called `signOut`. */
  | "signed_out"
  /** Another user has signed in since. */
  | "user_changed"
  /** The app closed the client. */
  | "closed";

export type Code = WireCode | LocalCode;

export class RoomcastError extends Error {
  override readonly name = "RoomcastError";
  readonly code: Code;
  /** How long the server asks to be left alone. */
  readonly retryAfterMs: number | undefined;

  constructor(code: Code, message: string, retryAfterMs?: number, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

/** What a lost socket leads to: another try, another try with a new token, or a final status. */
export type CloseAction = "retry" | "new_token" | "forbidden" | "closed";

const closeActions: Partial<Record<number, [Code, CloseAction]>> = {
  1009: ["too_large", "retry"],
  1011: ["internal", "retry"],
  1012: ["restarting", "retry"],
  1013: ["room_full", "retry"],
  4001: ["unauthorized", "new_token"],
  4003: ["forbidden", "forbidden"],
  4010: ["kicked", "closed"],
  4011: ["erased", "closed"],
  4400: ["bad_request", "closed"],
  4404: ["not_found", "closed"],
  4405: ["method_not_allowed", "closed"],
  4408: ["ping_timeout", "retry"],
  4429: ["rate_limited", "retry"],
};

/** A code that is not in the table is the network's (1006) or news from a later server: try again. */
export const closeActionOf = (closeCode: number): [Code, CloseAction] =>
  closeActions[closeCode] ?? ["offline", "retry"];
