/**
 * Frames and bodies on the wire, as the contract (docs/protocol.md) describes them. A test compares
 * each type with its table in the contract.
 */

/** Subprotocol of version 1, which a client offers when it opens a WebSocket. */
export const SUBPROTOCOL = "roomcast.v1";

/**
 * Text of a ping. If a ping is exactly this text, the runtime answers it without waking the room.
 */
export const PING = '{"type":"ping"}';

/** A code of an error (docs/codes.md). */
export type WireCode =
  | "bad_request"
  | "unauthorized"
  | "token_expired"
  | "forbidden"
  | "not_found"
  | "method_not_allowed"
  | "position_lost"
  | "too_large"
  | "rate_limited"
  | "ping_timeout"
  | "kicked"
  | "erased"
  | "room_full"
  | "rejected"
  | "internal"
  | "restarting";

/** A position in a room's log: `epoch:seq`, for example `h7Qk2pXa:41`. */
export type Position = string;

/** A right that a token can grant in a room. */
export type Right = "subscribe" | "publish" | "presence" | "admin";

// Events, state, members

/** An event as the room delivers it. */
export interface RoomEvent<Name extends string = string, Data = unknown> {
  /** Number of the event in its room: 1, 2, 3 … without holes. */
  readonly seq: number;
  readonly name: Name;
  readonly data: Data;
  /** Time when the room stored the event, in ms since 1970. */
  readonly at: number;
  /** User who published the event. */
  readonly from: string;
  /** Id that the publisher chose. By default, this client chooses a random id. */
  readonly id?: string | undefined;
  /**
   * Key in the room's state. The event replaces the previous event with the same key. An event with
   * the data `null` removes its key.
   */
  readonly key?: string | undefined;
  /** Client that caused the event, for readers that ignore their own events. */
  readonly origin?: string | undefined;
}

/** State of a room at `seq`: the latest event of every key, oldest first. */
export interface Snapshot<Event = RoomEvent> {
  readonly epoch: string;
  readonly seq: number;
  readonly events: readonly Event[];
}

/**
 * Notification that the events after a position can no longer be recovered. All data that was
 * derived from earlier events is invalid.
 */
export interface Gap {
  readonly epoch: string;
  /** Seq of the oldest retained event. */
  readonly oldest: number;
  /** Seq of the newest event (the head). Live events continue after this seq. */
  readonly seq: number;
}

/**
 * A message that is useful only at the time when it is sent. The room sends a signal to the
 * connected sessions and does not store it.
 */
export interface Signal<Name extends string = string, Data = unknown> {
  readonly name: Name;
  readonly data: Data;
  /** User who sent the signal. */
  readonly from: string;
}

/** A user who entered the room, with an entry for each session (tab, device) that entered. */
export interface Member<Data = any> {
  readonly user: string;
  readonly sessions: readonly Entry<Data>[];
}

/** Presence of one session of a member. */
export interface Entry<Data = any> {
  readonly session: string;
  readonly data: Data;
  /** Time when the session entered, in ms since 1970. */
  readonly since: number;
}

/** An entry with its user, in a change of the members. */
export interface UserEntry<Data = any> extends Entry<Data> {
  readonly user: string;
}

// Frames from a room

interface FromRoom<Type extends string> {
  readonly type: Type;
  /** Name of the room. */
  readonly room: string;
}

/** The first frame of a session. */
export interface WelcomeFrame extends FromRoom<"welcome"> {
  readonly session: string;
  /** User of the session, or `null` for a session without a token. */
  readonly user: string | null;
  readonly epoch: string;
  /** Seq of the newest event (the head). */
  readonly seq: number;
  /** Whether the position of `since` could be resumed. Present if `since` was given. */
  readonly recovered?: boolean;
  readonly grant: readonly Right[];
  /** Expiry of the token in ms since 1970, or `null` for a session without a token. */
  readonly expires_at: number | null;
  /** Time between two pings. */
  readonly ping_ms: number;
}

export interface GapFrame extends FromRoom<"gap">, Gap {}

export interface StateFrame extends FromRoom<"state">, Snapshot {}

/** Live or replayed events. */
export interface EventsFrame extends FromRoom<"events"> {
  readonly epoch: string;
  /** Seq before the first event of the frame. */
  readonly prev: number;
  readonly events: readonly RoomEvent[];
}

/** The answer to a publish with this `ref`: the event is durable. */
export interface AckFrame extends FromRoom<"ack"> {
  readonly ref: string;
  readonly seq: number;
}

export interface SignalFrame extends FromRoom<"signal">, Signal {}

/** The list of members, or a page of it. */
export interface MembersFrame extends FromRoom<"members"> {
  readonly members: readonly Member[];
  /** `true` if another page follows. */
  readonly more?: true;
}

/** Net change of the members. A session is in at most one of the three lists. */
export interface MembersChangedFrame extends FromRoom<"members:changed"> {
  readonly entered: readonly UserEntry[];
  readonly updated: readonly UserEntry[];
  readonly left: readonly UserEntry[];
}

/** Number of sessions in the room, for a session that requested it with `count`. */
export interface SessionsFrame extends FromRoom<"sessions"> {
  readonly count: number;
}

/** The answer to `auth`: the token was accepted. */
export interface AuthorizedFrame extends FromRoom<"authorized"> {
  /** User of the token. Present if the session had no user before. */
  readonly user?: string;
  readonly grant: readonly Right[];
  readonly expires_at: number;
}

/** A rejected frame, which had no effect. */
export interface ErrorFrame extends FromRoom<"error">, ErrorDetails {
  readonly ref?: string;
}

export interface PongFrame {
  readonly type: "pong";
}

/** Frames from a room. */
export type ServerFrame =
  | WelcomeFrame
  | GapFrame
  | StateFrame
  | EventsFrame
  | AckFrame
  | SignalFrame
  | MembersFrame
  | MembersChangedFrame
  | SessionsFrame
  | AuthorizedFrame
  | ErrorFrame
  | PongFrame;

// Frames to a room

/** Replaces the token of the session or connection. */
export interface AuthRequest {
  readonly type: "auth";
  readonly token: string;
}

/** Publishes an event. An `ack` is sent only if the frame has a `ref`. */
export interface PublishRequest extends NewEvent {
  readonly type: "publish";
  readonly ref?: string | undefined;
}

export interface SignalRequest extends NewSignal {
  readonly type: "signal";
}

/** Enters the room, or updates the presence data. */
export interface EnterRequest {
  readonly type: "enter";
  readonly data?: unknown;
}

export interface LeaveRequest {
  readonly type: "leave";
}

/** Requests the list of members. */
export interface MembersRequest {
  readonly type: "members";
}

/** Acknowledges the events up to `seq`, and turns flow control on. */
export interface SeenRequest {
  readonly type: "seen";
  readonly seq: number;
}

export interface PingRequest {
  readonly type: "ping";
}

/** Frames of a session, which a connection for many rooms sends with the name of the room. */
export type SessionRequest =
  PublishRequest | SignalRequest | EnterRequest | LeaveRequest | MembersRequest | SeenRequest;

/** Frames to a room. */
export type ClientFrame = SessionRequest | AuthRequest | PingRequest;

// Frames of a connection for many rooms

/** The first frame of a connection for many rooms. */
export interface ConnectedFrame {
  readonly type: "connected";
  /** User of the connection, or `null` for a connection without a token. */
  readonly user: string | null;
  /** Expiry of the token in ms since 1970, or `null` for a connection without a token. */
  readonly expires_at: number | null;
  readonly ping_ms: number;
}

/** The answer to `auth` on a connection. Each room also sends its own answer. */
export interface ConnectionAuthorizedFrame {
  readonly type: "authorized";
  /** User of the token. Present if the connection had no user before. */
  readonly user?: string;
  readonly expires_at: number;
}

/** End of a room's subscription. The connection and its other rooms continue. */
export interface ClosedFrame extends FromRoom<"closed"> {
  /** Close code that a socket of the room would have received. */
  readonly code: number;
  readonly reason?: string;
}

/** A frame that the connection itself has rejected. */
export interface ConnectionErrorFrame extends ErrorDetails {
  readonly type: "error";
  /** Name of the room as it was sent. Absent if the error concerns no room. */
  readonly room?: string;
  readonly ref?: string;
}

/** Frames from a connection for many rooms: its own, and those of its rooms. */
export type ConnectionServerFrame =
  ServerFrame | ConnectedFrame | ConnectionAuthorizedFrame | ClosedFrame | ConnectionErrorFrame;

/** Subscribes to a room. */
export interface SubscribeRequest {
  readonly type: "subscribe";
  readonly room: string;
  /** Position after which the events begin. */
  readonly since?: Position | undefined;
  /** Number of events before the head at which the events begin. */
  readonly last?: number | undefined;
  /** `false` for no `state` frame. */
  readonly state?: boolean | undefined;
  /** `true` for `sessions` frames. */
  readonly count?: boolean | undefined;
}

export interface UnsubscribeRequest {
  readonly type: "unsubscribe";
  readonly room: string;
}

/** Frames to a connection for many rooms. */
export type ConnectionClientFrame =
  | SubscribeRequest
  | UnsubscribeRequest
  | AuthRequest
  | PingRequest
  | (SessionRequest & { readonly room: string });

// HTTP bodies

/** An event to publish. */
export interface NewEvent {
  readonly name: string;
  readonly data: unknown;
  /** Your own id of the event. A publish that is retried with its id is stored once. */
  readonly id?: string | undefined;
  /** Key in the room's state. The event replaces the previous event with the same key. */
  readonly key?: string | undefined;
  /** Client that caused the event. The Pusher socket with this `socket_id` is not sent the event. */
  readonly origin?: string | undefined;
}

/** Events that are appended as a whole or not at all. */
export interface NewEvents {
  readonly events: readonly NewEvent[];
}

/** Body of a publish to a room. */
export type PublishBody = NewEvent | NewEvents;

/** The answer to a publish. `seqs` has one seq for each event. */
export interface PublishAnswer {
  readonly room: string;
  readonly epoch: string;
  readonly seqs: readonly number[];
}

/** An event to publish to a room, beside events for other rooms. */
export interface AddressedEvent extends NewEvent {
  readonly room: string;
}

/** Body of a publish to several rooms. */
export interface AddressedEvents {
  readonly events: readonly AddressedEvent[];
}

/** The answer to a publish to several rooms. The results of the rooms are independent. */
export interface PublishResults {
  readonly rooms: readonly PublishResult[];
}

export type PublishResult = PublishAnswer | PublishFailure;

export interface PublishFailure {
  readonly room: string;
  readonly error: ErrorDetails;
}

/** A signal to send. */
export interface NewSignal {
  readonly name: string;
  readonly data: unknown;
}

/** A page of stored events, oldest first. */
export interface PageAnswer {
  readonly room: string;
  readonly epoch: string;
  /** Seq before the first event of the page. */
  readonly prev: number;
  readonly events: readonly RoomEvent[];
  /** Seq of the newest event of the room. */
  readonly head: number;
}

export interface StateAnswer extends Snapshot {
  readonly room: string;
}

/** All members of a room. */
export interface MembersAnswer {
  readonly room: string;
  readonly members: readonly Member[];
}

export interface StatsAnswer {
  readonly room: string;
  readonly epoch: string;
  readonly head: number;
  readonly oldest: number;
  readonly sessions: number;
  readonly members: number;
  readonly bytes: number;
  readonly awake_since: number;
  readonly rows_written: number;
}

/** A page of the list of rooms, sorted by name. */
export interface RoomsAnswer {
  readonly rooms: readonly ListedRoom[];
  /** The parameter `cursor` of the next page, if there is one. */
  readonly cursor?: string;
}

export interface ListedRoom {
  readonly room: string;
  readonly head: number;
  readonly sessions: number;
  readonly members: number;
  /** Time of the room's last report, in ms since 1970. */
  readonly reported_at: number;
}

/** The answer to an import. */
export interface ImportAnswer {
  readonly room: string;
  readonly epoch: string;
  readonly head: number;
}

/** Body of every answer with an error status. */
export interface ErrorAnswer {
  readonly error: ErrorDetails;
}

export interface ErrorDetails {
  readonly code: WireCode;
  /** Text for people, which may change. */
  readonly message: string;
  /** Time to wait before a retry. Present only with `rate_limited`. */
  readonly retry_after_ms?: number;
}
