import type { RoomcastError } from "../codes.ts";
import type {
  ConnectionClientFrame,
  PublishRequest,
  SessionRequest,
  WireCode,
} from "../protocol.ts";

/** A publish of this client, which always has a `ref`. */
export type Publish = PublishRequest & { readonly ref: string };

/** A frame from the client to a room. */
export type RoomFrame = Exclude<SessionRequest, PublishRequest> | Publish;

/** A frame from the client to a room, or to the connection itself. */
export type ClientFrame =
  Exclude<ConnectionClientFrame, SessionRequest> | (RoomFrame & { readonly room: string });

/** Receives a room's frames, as a socket would receive them. */
export interface FrameSink {
  /** Called with the first answer. */
  onOpen(): void;
  onFrame(frame: string): void;
  /** Called when the room's subscription has ended. No further call follows. */
  onClose(closeCode: number, reason: string): void;
}

export const frameOf = (type: string, fields: object): string =>
  JSON.stringify({ type, ...fields });

/**
 * Creates an error frame. The local code `offline` becomes `internal`: the publish may be stored or
 * not, so the client retries it.
 */
export function errorFrame(room: string, error: RoomcastError, ref?: string): string {
  const { message, retryAfterMs: retry_after_ms } = error;
  const code: WireCode = error.code === "offline" ? "internal" : (error.code as WireCode);
  return frameOf("error", { room, ref, code, message, retry_after_ms });
}
