/** What the benchmark needs to know of a server that it compares. */
import type { Target } from "./dialect.ts";

export interface Peer {
  name: string;
  title: string;
  version: string;
  /** What it is and how it is set up, for the report. */
  setup: string;
  /** What Roomcast promises and this one doesn't, for the report. */
  lacks: readonly string[];
  /** What a scenario may ask for. */
  can: ReadonlySet<Ability>;
  start(): Promise<Server>;
}

/**
 * `recover`: a client that was away gets what it missed. `presence`: clients hear who is there.
 * `sleep`: it can be put to sleep with its sockets open. `rows`: it says how many rows it wrote. `flow`:
 * it holds no more for a reader than that one said it takes. `bridge`: many rooms on one connection,
 * and Server-Sent Events.
 */
export type Ability = "recover" | "presence" | "sleep" | "rows" | "flow" | "bridge";

export interface Server {
  readonly pid: number;
  readonly target: Target;
  stop(): Promise<void>;
  /** Takes the room out of memory; its sockets stay. Answers whether it was there, and wakes nobody. */
  sleep?(room: string): Promise<boolean>;
  /** Reads a few bytes of what the room has stored. */
  read?(room: string): Promise<unknown>;
  /** Rows written to the storage for the room since it woke. */
  rows?(room: string): Promise<number>;
}
