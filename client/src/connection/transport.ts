import type { Code } from "../codes.ts";
import type { Fetch } from "../http.ts";
import type { Lifecycle, Status } from "./lifecycle.ts";
import type { Frame, Position } from "../protocol.ts";
import type { Report } from "../report.ts";

export type Transport = "websocket" | "sse" | "long-polling";

/** Carries a room's frames: a socket of its own, or a subscription on a multiplexed connection. */
export interface RoomTransport {
  readonly connection: Lifecycle;
  /** How the server is reached, or is tried to be. */
  readonly transport: Transport;
  /** Other rooms use it too, so a ping is answered by the connection, not by this room. */
  readonly shared?: boolean;
  /** Only while it is open. */
  send(text: string): void;
  dispatch(input: TransportInput): void;
}

export type TransportInput =
  /** The first user came, or the last one went. */
  | { readonly type: "use" | "leave" }
  /** A frame shows that an earlier one never came. */
  | { readonly type: "gap_detected" }
  | ClientCommand;

/** A command of the app to all rooms. */
export type ClientCommand =
  /** Begin afresh, at once and with a new token: `connect` only what is not connected. */
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

/** A room, as its transport sees it. */
export interface RoomListener extends TransportListener {
  readonly name: string;
  /** Where it goes on from; asked each time that it is joined. */
  since(): Position | undefined;
}

/** Creates the transports of a client's rooms. */
export interface Connections {
  connect(room: RoomListener): RoomTransport;
  /** Dispatches a command to the sockets that rooms share. Each room then dispatches it to its own transport. */
  dispatch(command: ClientCommand): void;
}

/** The part of a WebSocket class that the client uses. The runtime's own fits, and that of the npm package `ws`. */
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
  /** `undefined` where the runtime has none: in Node before version 22. */
  readonly WebSocket: WebSocketClass | undefined;
  readonly fetch: Fetch;
  readonly report: Report;
}

/** A user of a transport. */
export interface TransportUser {
  /** Notifies the user that another transport is tried from now on, or that a better one is available. */
  dispatch(input: { readonly type: "wake" | "switch_transport" }): void;
}

/** The fallback as its users see it. The module itself is only loaded on demand. */
export interface FallbackTransports {
  /** The transport of the next dial. */
  readonly transport: Transport;
  /** The class that opens a connection, by transport. */
  readonly sockets: Readonly<Record<Transport, WebSocketClass | undefined>>;
  /** Records whether a dial was answered. A refusal is an answer. */
  recordDial(transport: Transport, answered: boolean): void;
  /** Schedules the next probe of better transports, if there are users. */
  scheduleProbe(): void;
}
