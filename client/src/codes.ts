import type { WireCode } from "./protocol.ts";

/** Codes of errors that only a client detects. */
export type LocalCode =
  /** The network or the server can't be reached. */
  | "offline"
  /**
   * No answer was received within the time limit. A publish that timed out may be stored or not.
   */
  | "timeout"
  /**
   * The `token` callback failed, took more than 10 s, or returned no token. `cause` is the error
   * that the callback threw.
   */
  | "token_failed"
  /**
   * No WebSocket can be opened to `url`, because the runtime has no WebSocket, or because the
   * browser rejects the URL. A browser rejects an invalid URL. On a secure page, a browser also
   * rejects an insecure URL.
   */
  | "dial_failed"
  /** WebSockets are blocked, and the fallback's file could not be loaded from the page's server. */
  | "load_failed"
  /** The maximum number of the room's publishes (1,000 by default) already wait for their ack. */
  | "queue_full"
  /** The app called `disconnect`. */
  | "disconnected"
  /** The app called `signOut`. */
  | "signed_out"
  /** Another user signed in while the publish waited. */
  | "user_changed"
  /** The app closed the client. */
  | "closed";

/** Code of a `RoomcastError`, and also the reason why a room is not connected. */
export type Code = WireCode | LocalCode;

/**
 * Error that the server or the client has detected. Handle an error by its `code`, because the
 * `message` is for people and may change.
 */
export class RoomcastError extends Error {
  override readonly name = "RoomcastError";
  readonly code: Code;
  /**
   * Delay in ms that the server requests before a retry. `undefined` if the server requests no
   * delay.
   */
  readonly retryAfterMs: number | undefined;

  constructor(code: Code, message: string, retryAfterMs?: number, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

/** The client's reaction to a close code: a retry, a retry with a new token, or a final status. */
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

/**
 * Returns the reason and the reaction for a close code. A code that is not in the table leads to a
 * retry, because it comes from the network (1006) or from a newer server.
 */
export const closeActionOf = (closeCode: number): [Code, CloseAction] =>
  closeActions[closeCode] ?? ["offline", "retry"];
