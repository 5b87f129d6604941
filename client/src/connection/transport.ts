import type { Code } from "../codes.ts";
import type { Fetch } from "../http.ts";
import type { Lifecycle, Status } from "./lifecycle.ts";
import type { Frame } from "./frame.ts";
import type { Position } from "../protocol.ts";
import type { Report } from "../report.ts";

/**
 * Transport of a client's frames. `sse` and `long-polling` are used while WebSockets are blocked.
 */
export type Transport = "websocket" | "sse" | "long-polling";

/** Carries a room's frames, over the room's own socket or over a multiplexed connection. */
export interface RoomTransport {
  readonly connection: Lifecycle;
  /** The transport in use, or the transport that is tried now. */
  readonly transport: Transport;
  /**
   * `true` if the connection is multiplexed, so that other rooms may use it. In this case, the connection answers a ping, and
   * the room does not.
   */
  readonly shared?: boolean;
  /** Sends a frame. Must be called only while the connection is open. */
  send(text: string): void;
  dispatch(input: TransportInput): void;
}

export type TransportInput =
  /** The room's first user was added (`use`), or its last user was removed (`leave`). */
  | { readonly type: "use" | "leave" }
  /** A frame shows that an earlier frame is missing. */
  | { readonly type: "gap_detected" }
  | ClientCommand;

/** A command of the app to all rooms. */
export type ClientCommand =
  /**
   * Immediately connects what is not connected. Each new connection uses a new token. Only `restart`
   * also replaces open connections.
   */
  { readonly type: "restart" | "connect" } | EndCommand;

export interface EndCommand {
  readonly type: "end";
  readonly status: Status;
  readonly reason: Code;
}

/** Receives the frames and state changes of a transport. */
export interface TransportListener {
  /** Called with each frame and its size in bytes of UTF-8. */
  onFrame(frame: Frame, bytes: number): void;
  /** Called after every change of the transport's connection. */
  onStateChange(after: Lifecycle, before: Lifecycle): void;
}

/** A room, as its transport uses it. */
export interface RoomListener extends TransportListener {
  readonly name: string;
  /** Returns the position to resume from. Called each time the room is joined. */
  since(): Position | undefined;
}

/** Creates the transports of a client's rooms. */
export interface Connections {
  connect(room: RoomListener): RoomTransport;
  /**
   * Dispatches a command to the sockets that rooms share. Afterwards, each room dispatches the
   * command to its own transport.
   */
  dispatch(command: ClientCommand): void;
}

/**
 * The members of a WebSocket class that the client uses. Both the runtime's class and the class of
 * the npm package `ws` have these members.
 */
export type WebSocketClass = new (
  url: string,
  protocols: string[],
) => {
  onopen: any;
  onmessage: any;
  onclose: any;
  onerror: any;
  send(text: string): void;
  close(code?: number): void;
};

export interface TransportOptions {
  readonly url: string | URL;
  /** `undefined` if the runtime has no WebSocket, as in Node before version 22. */
  readonly WebSocket: WebSocketClass | undefined;
  readonly fetch: Fetch;
  readonly report: Report;
}

/** A socket that uses the selected transport. */
export interface TransportUser {
  /**
   * Receives `wake` when the next dial uses another transport, and `switch_transport` when a better
   * transport is available.
   */
  dispatch(input: { readonly type: "wake" | "switch_transport" }): void;
}

/** Interface of the fallback, whose module is loaded on demand. */
export interface FallbackTransports {
  /** Transport of the next dial. */
  readonly transport: Transport;
  /** For each transport, the class that opens its connections. */
  readonly sockets: Readonly<Record<Transport, WebSocketClass | undefined>>;
  /** Records whether a dial was answered. A refusal counts as an answer. */
  recordDial(transport: Transport, answered: boolean): void;
  /**
   * Schedules the next probe of better transports, if sockets are in use and a better transport
   * exists.
   */
  scheduleProbe(): void;
}
