/**
 * How to speak to a peer: as little of its protocol as a client needs that counts events. Each
 * event holds `#` and nine digits, its number, so that nobody has to parse a frame to count it.
 */
export type DialectName = "roomcast" | "plain" | "partyserver" | "ws" | "socketio" | "sockudo";

export const HEARTBEAT_MS = 25_000;

/** Where a peer serves, as it can be given to a thread. */
export interface Target {
  dialect: DialectName;
  port: number;
}

export interface Dialect {
  /** The request that opens a socket. */
  upgrade(as: Client): Upgrade;
  /** What a frame without an event calls for. */
  hear(text: string, socket: Conversation, as: Client): void;
  /** Whether a socket is in the room as soon as it is open, without a word of the peer. */
  readonly silent?: boolean;
  /** The frame by which a socket publishes; `data` is JSON. */
  publish(room: string, data: string): string;
  /** The request by which a backend publishes some events at once. */
  post(room: string, data: string[]): Post;
  /** Where the client is, by the last frame of events that it got. */
  position?(frame: string, session: string): string;
  /** What a client sends once in `HEARTBEAT_MS` where nothing happens. */
  readonly heartbeat?: string;
  /** The frame by which a client says that it has taken everything to this event. */
  seen?(number: number): string;
  /** The frame by which it says that it is there, and the one by which it says that it goes. */
  readonly presence?: { enter: string; leave: string };
}

export interface Client {
  room: string;
  user: string;
  /** Where it was before, as `position` said, and the number of the last event that it had. */
  since?: string | undefined;
  had?: number | undefined;
  /** Whether it says what it has taken, where the dialect has a word for that. */
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

export interface Conversation {
  /** Whatever the dialect wants to remember of this socket. */
  session: string;
  send(text: string): void;
  /** The socket is in the room, and hears what is published from now on. */
  entered(): void;
}
