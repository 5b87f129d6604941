import type { LogPosition } from "../position.ts";
import type { Position } from "../protocol.ts";
import { grantsOf } from "./claims.ts";
import { frameOf, type Ear } from "./frames.ts";
import type { Http } from "./http.ts";
import type { Window } from "./window.ts";

/** A room, as a reader needs it. */
export interface Source {
  readonly http: Http;
  readonly room: string;
  readonly ear: Ear;
  readonly window: Window;
}

/** Reads a room until it is stopped, or has ended. */
export interface Reader {
  /** Enters the room, or tells the data anew, where it has a session there to enter with. */
  enter?(data: unknown): void;
  leave?(): void;
  stop(): void;
}

export type StartReader = (source: Source, since: Position | undefined) => Reader;

/** Pings go no further than this client: a reader finds out by itself that nothing comes any more. */
export const PING_MS = 25_000;

export function welcome(
  { http, room, ear }: Source,
  position: LogPosition,
  recovered?: boolean,
): void {
  const { expires_at, grantIn } = grantsOf(http.token);
  const { epoch, seq } = position;
  const grant = grantIn(room);
  // The server tells nobody but a socket by what name its session goes.
  const session = "";
  ear.begun();
  const rest = { epoch, seq, recovered, grant, expires_at, ping_ms: PING_MS };
  ear.hear(frameOf("welcome", { room, session, ...rest }));
}
