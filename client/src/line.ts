import type { Code } from "./codes.ts";
import type { Life, Status } from "./life.ts";
import type { Frame, Position } from "./protocol.ts";

export type Transport = "websocket" | "sse" | "long-polling";

/** What carries a room's frames: a socket of its own, or its part of a connection for many rooms. */
export interface Line {
  readonly connection: Life;
  /** How the server is reached, or is tried to be. */
  readonly transport: Transport;
  /** Other rooms have their part of it too: what answers a ping is not this room. */
  readonly shared?: boolean;
  /** Only while it is open. */
  send(text: string): void;
  tell(input: LineInput): void;
}

export type LineInput =
  /** The first user came, or the last one went. */
  | { readonly type: "use" | "leave" }
  /** A frame shows that an earlier one never came. */
  | { readonly type: "missed" }
  | Order;

/** What the app asks of all rooms at once. */
export type Order =
  /** Begin afresh, at once and with a new token: `connect` only what is not connected. */
  { readonly type: "restart" | "connect" } | End;

export interface End {
  readonly type: "end";
  readonly status: Status;
  readonly reason: Code;
}

/** Who hears what a line carries. */
export interface Follower {
  /** `text` is the frame as it came. */
  heard(frame: Frame, text: string): void;
  /** Called after every change of the line's connection. */
  changed(after: Life, before: Life): void;
}

/** A room, as its line knows it. */
export interface RoomFollower extends Follower {
  readonly name: string;
  /** Where it goes on from; asked each time that it is joined. */
  since(): Position | undefined;
}

/** How the rooms of a client get their lines. */
export interface Lines {
  connect(room: RoomFollower): Line;
  /** For what the rooms share. Each line is told by its room, after this. */
  tell(order: Order): void;
}
