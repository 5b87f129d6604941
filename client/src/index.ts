export { createClient } from "./client.ts";
export type { Client, ClientOptions } from "./client.ts";
export { RoomcastError } from "./codes.ts";
export type { Code, LocalCode, WireCode } from "./codes.ts";
export type { Listener } from "./feed.ts";
export type { AnyEvents, EventOf, Handler } from "./handlers.ts";
export type { Page, Range } from "./http.ts";
export type { Backoff, ConnectionStatus, Status } from "./lifecycle.ts";
export type { Transport, WebSocketClass } from "./transport.ts";
export type { Publishing, PublishOptions } from "./outbox.ts";
export type { PositionStore } from "./position.ts";
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
export type { Room } from "./room.ts";
export type { TokenCallback } from "./tokens.ts";
