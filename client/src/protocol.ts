import { RoomcastError, type WireCode } from "./codes.ts";

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
}

/** A position in a room's log: `epoch:seq`, for example `h7Qk2pXa:41`. */
export type Position = string;

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
 * Range of missed events that were delivered: the events after `from`, up to and including `to`.
 */
export interface Recovered {
  readonly from: Position;
  readonly to: Position;
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

/** The list of members, or a page of it. */
export interface Members {
  readonly members: readonly Member[];
  /** `true` if another page follows. */
  readonly more?: true;
}

/** Net change of the members. A session is in at most one of the three lists. */
export interface MembersChanged {
  readonly entered: readonly UserEntry[];
  readonly updated: readonly UserEntry[];
  readonly left: readonly UserEntry[];
}

interface UserEntry extends Entry {
  readonly user: string;
}

/** The first frame of a multiplexed connection. */
export interface Connected {
  readonly type: "connected";
  /**
   * User of the token. The field is absent if the client itself has created the frame, for a
   * transport over HTTP.
   */
  readonly user?: string;
  /** `true` if no request was sent to the server yet, so the token may still be rejected. */
  readonly unverified?: boolean;
  readonly expires_at: number;
  readonly ping_ms: number;
}

/** The first frame of a room. */
export interface Welcome {
  readonly type: "welcome";
  readonly user?: string;
  readonly session: string;
  readonly grant: readonly string[];
  readonly epoch: string;
  readonly seq: number;
  readonly recovered?: boolean;
  readonly expires_at: number;
  readonly ping_ms: number;
}

export interface Events {
  readonly type: "events";
  readonly epoch: string;
  readonly prev: number;
  readonly events: readonly RoomEvent[];
}

/** End of a room's subscription on a multiplexed connection. */
export interface Closed {
  readonly type: "closed";
  readonly code: number;
}

export interface Authorized {
  readonly type: "authorized";
  /**
   * Rights in the room. The field is absent in the frame of a multiplexed connection itself,
   * because each of its rooms receives its own rights.
   */
  readonly grant?: readonly string[];
  readonly expires_at: number;
}

export interface Refusal {
  readonly type: "error";
  readonly ref?: string;
  readonly code: WireCode;
  readonly message: string;
  readonly retry_after_ms?: number;
}

/**
 * Frames from the server that this client handles. Every frame except `pong` names its room,
 * unless the frame belongs to a multiplexed connection itself.
 */
export type Frame = { readonly room?: string } & (
  | Connected
  | Closed
  | Welcome
  | Events
  | ({ readonly type: "gap" } & Gap)
  | ({ readonly type: "state" } & Snapshot)
  | { readonly type: "ack"; readonly ref: string; readonly seq: number }
  | ({ readonly type: "signal" } & Signal)
  | ({ readonly type: "members" } & Members)
  | ({ readonly type: "members:changed" } & MembersChanged)
  | Authorized
  | Refusal
  | { readonly type: "pong" }
);

export const SUBPROTOCOL = "roomcast.v1";

/**
 * Text of a ping. If a ping is exactly this text, the runtime answers it without waking the room.
 */
export const PING = '{"type":"ping"}';

export const MAX_FRAME_BYTES = 1024 * 1024;
export const MAX_SIGNAL_BYTES = 16 * 1024;
export const MAX_PRESENCE_BYTES = 2 * 1024;

/**
 * Window in ms. If signals or presence data change faster, the room sends only the newest change of
 * each window.
 */
export const WINDOW_MS = 50;

/** Returns the size of the text in UTF-8. */
export const bytesOf = (text: string): number => new TextEncoder().encode(text).length;

/** Throws `too_large` if the text has more than `max` bytes, which is the room's limit. */
export function checkBytes(text: string, max: number): void {
  const bytes = bytesOf(text);
  if (bytes > max)
    throw new RoomcastError("too_large", `${bytes} bytes exceed the limit of ${max}.`);
}

/**
 * Returns a random id for a publish, so that a retried publish is stored once. Does not use
 * `crypto.randomUUID`, which browsers offer only on https pages.
 */
export const newId = (): string => crypto.getRandomValues(new Uint32Array(4)).join("-");
