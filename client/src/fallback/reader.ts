import type { LogPosition } from "../room/position.ts";
import type { Position } from "../protocol.ts";
import { grantsOf } from "./claims.ts";
import { frameOf, type FrameSink } from "./frames.ts";
import type { Http } from "./http.ts";
import type { ReadAhead } from "./read-ahead.ts";

/** The context of a reader: its room, the access to it, and the receiver of its frames. */
export interface ReaderContext {
  readonly http: Http;
  readonly room: string;
  readonly sink: FrameSink;
  readonly readAhead: ReadAhead;
}

/** Reads a room until the reader is stopped, or the room has ended. */
export interface Reader {
  /**
   * Enters the room, or updates the presence data. The method is absent if the reader has no
   * session in the room.
   */
  enter?(data: unknown): void;
  leave?(): void;
  stop(): void;
}

export type StartReader = (context: ReaderContext, since: Position | undefined) => Reader;

/**
 * Ping period in the emitted `welcome`. Pings are not sent over HTTP, because a reader detects a
 * dead connection itself.
 */
export const PING_MS = 25_000;

/** Emits `welcome` after the first answer of a room, with the grants in the token. */
export function welcome(
  { http, room, sink }: ReaderContext,
  position: LogPosition,
  recovered?: boolean,
): void {
  const { expires_at, rightsIn } = grantsOf(http.token);
  const { epoch, seq } = position;
  const grant = rightsIn(room);
  // Only a socket receives its session id from the server.
  const session = "";
  sink.onOpen();
  const rest = { epoch, seq, recovered, grant, expires_at, ping_ms: PING_MS };
  sink.onFrame(frameOf("welcome", { room, session, ...rest }));
}
