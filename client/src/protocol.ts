import { RoomcastError, type WireCode } from "./codes.ts";

/** An event, as the room delivers it. */
export interface RoomEvent<Name extends string = string, Data = unknown> {
  /** 1, 2, 3 … in its room, without gaps. */
  readonly seq: number;
  readonly name: Name;
  readonly data: Data;
  /** When the room stored it, in ms since 1970. */
  readonly at: number;
  /** The user who published it. */
  readonly from: string;
  readonly id?: string | undefined;
  /**
   * In the room's state, the event replaces the one with the same key. `data: null` removes the
   * key.
   */
  readonly key?: string | undefined;
}

/** A position in a room's log: `epoch:seq`, for example `h7Qk2pXa:41`. */
export type Position = string;

/** The latest event of every key, as of `seq`. */
export interface Snapshot<Event = RoomEvent> {
  readonly epoch: string;
  readonly seq: number;
  readonly events: readonly Event[];
}

/**
 * Events after a position can no longer be recovered, so everything derived from events is void.
 */
export interface Gap {
  readonly epoch: string;
  /** The oldest retained seq. */
  readonly oldest: number;
  /** The head, after which live events follow. */
  readonly seq: number;
}

/** The missed events were delivered: those after `from`, up to `to`. */
export interface Recovered {
  readonly from: Position;
  readonly to: Position;
}

/** A message that the room sends to the connected sessions and does not store. */
export interface Signal<Name extends string = string, Data = unknown> {
  readonly name: Name;
  readonly data: Data;
  /** The user who sent it. */
  readonly from: string;
}

/** A user who entered the room, with an entry for each session (tab, device) that did. */
export interface Member<Data = any> {
  readonly user: string;
  readonly sessions: readonly Entry<Data>[];
}

export interface Entry<Data = any> {
  readonly session: string;
  readonly data: Data;
  /** When it entered, in ms since 1970. */
  readonly since: number;
}

/** The list of members, or a page of it. */
export interface Members {
  readonly members: readonly Member[];
  /** Another page follows. */
  readonly more?: true;
}

/** The net change of the members: a session is in at most one of the lists. */
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
  /** Absent if the client has created the frame itself, from an answer over HTTP. */
  readonly user?: string;
  /** No request was sent to the server yet, so the token may still be rejected. */
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

/** On a multiplexed connection: the room's subscription has ended. */
export interface Closed {
  readonly type: "closed";
  readonly code: number;
}

export interface Authorized {
  readonly type: "authorized";
  /** Absent for a multiplexed connection itself: its rooms receive their own grants. */
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
 * Frames from the server that this client handles. All name their room, except those of a
 * multiplexed connection itself.
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

/** The runtime answers exactly this text without waking the room. */
export const PING = '{"type":"ping"}';

export const MAX_FRAME_BYTES = 1024 * 1024;
export const MAX_SIGNAL_BYTES = 16 * 1024;
export const MAX_PRESENCE_BYTES = 2 * 1024;

/** For fast changes, the room sends only the newest one in each window. */
export const WINDOW_MS = 50;

export const bytesOf = (text: string): number => new TextEncoder().encode(text).length;

/** Throws if the text exceeds the room's limit. */
export function checkBytes(text: string, max: number): void {
  const bytes = bytesOf(text);
  if (bytes > max)
    throw new RoomcastError("too_large", `${bytes} bytes exceed the limit of ${max}.`);
}

/**
 * Returns a random id. The publisher creates it, so that a retried publish is stored once. Browsers
 * offer `crypto.randomUUID` only on https pages.
 */
export const newId = (): string => crypto.getRandomValues(new Uint32Array(4)).join("-");
