/**
 * A dialect is the part of a peer's protocol that a client needs to count events. The data of each
 * event contains `#` and the event's number in nine digits, so a client counts events without
 * parsing JSON.
 */
export type DialectName =
  "roomcast" | "plain" | "partyserver" | "ws" | "socketio" | "sockudo" | "pusher";

export const HEARTBEAT_MS = 25_000;

/** Address and dialect of a running peer, in a form that can be sent to a thread. */
export interface Target {
  dialect: DialectName;
  port: number;
}

export interface Dialect {
  /** Returns the request that opens a socket. */
  upgrade(client: Client): Upgrade;
  /** Handles a frame without events. */
  onControlFrame(text: string, socket: DialectSocket, client: Client): void;
  /** Whether a socket has joined the room as soon as it is open, without a frame from the peer. */
  readonly joinsOnOpen?: boolean;
  /** Returns the frame that publishes an event over a socket. `data` is JSON text. */
  publish(room: string, data: string): string;
  /** Returns the request of a backend that publishes several events. */
  post(room: string, data: string[]): Post;
  /** Returns the client's position after a frame of events. */
  position?(frame: string, session: string): string;
  /** Frame that an idle client sends every `HEARTBEAT_MS`. */
  readonly heartbeat?: string;
  /** Returns the flow control frame that acknowledges all events up to this number. */
  seen?(number: number): string;
  /** `enter` adds the client to the room's members, and `leave` removes the client. */
  readonly presence?: { enter: string; leave: string };
}

export interface Client {
  room: string;
  user: string;
  /** Position before a reconnect, as returned by `position`. */
  since?: string | undefined;
  /** Number of the last event received before a reconnect. */
  lastReceived?: number | undefined;
  /** Whether the client uses flow control. Has no effect in a dialect without flow control. */
  flow?: boolean | undefined;
}

export interface Upgrade {
  path: string;
  headers?: Record<string, string>;
}

export interface Post {
  path: string;
  headers?: Record<string, string>;
  body: string;
}

export interface DialectSocket {
  /** State of the dialect for this socket. */
  session: string;
  send(text: string): void;
  /**
   * Called by the dialect when the socket has joined the room and will receive the room's events.
   */
  joined(): void;
}
