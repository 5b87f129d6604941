import type { RoomcastError, WireCode } from "../codes.ts";
import type { Position } from "../protocol.ts";

/** What the package sends to a room. */
export type ToRoom =
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

/** What it sends, a connection's own frames included. */
export type FromClient =
  | { readonly type: "ping" }
  | { readonly type: "auth"; readonly token: string }
  | { readonly type: "subscribe"; readonly room: string; readonly since?: Position }
  | { readonly type: "unsubscribe"; readonly room: string }
  | (ToRoom & { readonly room: string });

/** Who hears a room: frames as they would come over a socket. */
export interface Ear {
  /** The first answer is there. */
  begun(): void;
  hear(frame: string): void;
  /** The room's subscription has ended; nothing comes after it. */
  end(closeCode: number, reason: string): void;
}

export const frameOf = (type: string, fields: object): string =>
  JSON.stringify({ type, ...fields });

/** What only a client knows is said in the words of the wire: stored or not is unknown, try again. */
export function errorFrame(room: string, error: RoomcastError, ref?: string): string {
  const { message, retryAfterMs: retry_after_ms } = error;
  const code: WireCode = error.code === "offline" ? "internal" : (error.code as WireCode);
  return frameOf("error", { room, ref, code, message, retry_after_ms });
}
