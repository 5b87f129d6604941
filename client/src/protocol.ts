import { RoomcastError, type WireCode } from "./codes.ts";

/** An event as the room delivers it. */
export interface RoomEvent<Name extends string = string, Data = unknown> {
  /** 1, 2, 3 … in its room, without holes. */
  readonly seq: number;
  readonly name: Name;
  readonly data: Data;
  /** When the room stored it, in ms since 1970. */
  readonly at: number;
  /** The user who published it. */
  readonly from: string;
  readonly id?: string | undefined;
  /** In the room's state it replaces the event of the same key; `data: null` removes the key. */
  readonly key?: string | undefined;
}

/** `epoch:seq`, for example `h7Qk2pXa:41`. */
export type Position = string;

/** The latest event of every key, true at `seq`. */
export interface Snapshot<Event = RoomEvent> {
  readonly epoch: string;
  readonly seq: number;
  readonly events: readonly Event[];
}

/** Events from a position on could not be had any more: what was built from them is void. */
export interface Gap {
  readonly epoch: string;
  /** The oldest seq that the room still holds. */
  readonly oldest: number;
  /** The head, from which the room is followed now. */
  readonly seq: number;
}

/** What was missed has come: the events after `from`, up to `to`. */
export interface Recovered {
  readonly from: Position;
  readonly to: Position;
}

/** What was sent to the room and not stored: it is of use only now. */
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

/** The net effect of what happened: a session is in one of the lists at most. */
export interface MembersChanged {
  readonly entered: readonly UserEntry[];
  readonly updated: readonly UserEntry[];
  readonly left: readonly UserEntry[];
}

interface UserEntry extends Entry {
  readonly user: string;
}

/** The first frame of a connection for many rooms. */
export interface Connected {
  readonly type: "connected";
  /** Not where the client itself has made it, of an answer over HTTP. */
  readonly user?: string;
  /** Nothing was asked of the server yet, so the token may still be refused. */
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
  /** A connection's own has none: its rooms hear theirs. */
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

/** Frames from the server, as far as this client acts on them. All but a connection's own name their room. */
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

/** Exactly this text is answered without waking the room. */
export const PING = '{"type":"ping"}';

export const MAX_FRAME_BYTES = 1024 * 1024;
export const MAX_SIGNAL_BYTES = 16 * 1024;
export const MAX_PRESENCE_BYTES = 2 * 1024;

/** Of what changes fast, the room passes on the newest once in this time. */
export const WINDOW_MS = 50;

export const bytesOf = (text: string): number => new TextEncoder().encode(text).length;

/** Throws where the room would refuse it. */
export function checkBytes(text: string, most: number): void {
  const bytes = bytesOf(text);
  if (bytes > most) throw new RoomcastError("too_large", `${bytes} bytes; ${most} may be sent.`);
}

/**
 * Drawn by the publisher, so that a publish that is sent again counts once.
 * Not by `crypto.randomUUID`, which browsers keep from pages that are not on https.
 */
export const newId = (): string => crypto.getRandomValues(new Uint32Array(4)).join("-");
