export { createClient } from "./client.ts";
export type { Client, ClientOptions } from "./client.ts";
export { RoomcastError } from "./codes.ts";
export type { Code, LocalCode, WireCode } from "./codes.ts";
export type { Page, Range } from "./http.ts";
export type { Backoff, Status } from "./life.ts";
export type { Transport } from "./line.ts";
export type { Presence } from "./presence.ts";
export type {
  Entry,
  Gap,
  Member,
  Position,
  Recovered,
  RoomEvent,
  Signal,
  Snapshot,
} from "./protocol.ts";
export type {
  AnyEvents,
  ConnectionStatus,
  EventOf,
  Handler,
  Listener,
  PositionStore,
  PublishOptions,
  Publishing,
  Room,
} from "./room.ts";
export type { TokenCallback } from "./tokens.ts";
