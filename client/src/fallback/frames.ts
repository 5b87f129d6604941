import type { RoomcastError, WireCode } from "../codes.ts";
import type { Position } from "../protocol.ts";

/** A frame from the client to a room. */
export type RoomFrame =
  | {
      readonly type: "publish";
      readonly ref: string;
      readonly name: string;
      readonly data: unknown;
      readonly id?: string;
      readonly key?: string;
    }
  | { readonly type: "signal"; readonly name: string; readonly data: unknown }
  | { readonly type: "enter"; readonly data?: unknown }
  | { readonly type: "leave" | "members" }
  | { readonly type: "seen"; readonly seq: number };

/** A frame from the client to a room, or to the connection itself. */
export type ClientFrame =
  | { readonly type: "ping" }
  | { readonly type: "auth"; readonly token: string }
  | { readonly type: "subscribe"; readonly room: string; readonly since?: Position }
  | { readonly type: "unsubscribe"; readonly room: string }
  | (RoomFrame & { readonly room: string });

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
