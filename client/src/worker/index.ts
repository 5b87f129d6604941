/**
 * The built worker, and the functions for a worker of your own. This entry runs only on Cloudflare
 * Workers and in workerd.
 */
export { default, RoomObject } from "./worker.ts";
export { createRoomcast } from "./create.ts";
export type { Roomcast } from "./create.ts";
export type { Context } from "./worker.ts";
export type {
  Authenticated,
  PublishedEvent,
  Publisher,
  RoomcastOptions,
  Verdict,
} from "./hooks.ts";
export { closeUser, erase, publish, readEvents, readState } from "./rooms.ts";
export type { NewEvent, Published, RoomNamespace, Rooms } from "./rooms.ts";
export { RoomService } from "./service.ts";
export { createToken } from "../token.ts";
export type { Right, TokenOptions } from "../token.ts";
export { RoomcastError } from "../codes.ts";
export type { Code } from "../codes.ts";
export type { Page, RoomEvent, Snapshot } from "../server.ts";
