/** The interface of a flood. */
import type { Room } from "../../tests/edge/room.ts";
import type { Runtime } from "../../tests/edge/runtime.ts";
import type { SuiteContext } from "../suite.ts";

export interface Target {
  context: SuiteContext;
  runtime: Runtime;
  room: Room;
  /** The socket limit of a room. */
  sockets: number;
}

/** Floods a room. Returns the number of frames, sockets or requests of each kind, by name. */
export type Flood = (target: Target) => Promise<Record<string, number>>;
