export { createClient } from "./client.ts";
export type { Client, ClientOptions } from "./client.ts";
export { RoomcastError } from "./codes.ts";
export type { Code, LocalCode } from "./codes.ts";
export type { Listener, Recovered } from "./room/feed.ts";
export type { AnyEvents, EventOf, Handler } from "./room/handlers.ts";
export type { Page, Range } from "./http.ts";
export type { Backoff, ConnectionStatus, Status } from "./connection/lifecycle.ts";
export type { Transport, WebSocketClass } from "./connection/transport.ts";
export type { Publishing, PublishOptions } from "./room/outbox.ts";
export type { PositionStore } from "./room/position.ts";
export type { Presence } from "./room/presence.ts";
export type {
  Entry,
  Gap,
  Member,
  Position,
  RoomEvent,
  Signal,
  Snapshot,
  WireCode,
} from "./protocol.ts";
export type { Room } from "./room/room.ts";
export type { TokenCallback } from "./connection/tokens.ts";
