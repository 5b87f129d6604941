/** A server that the benchmark compares. */
import type { Target } from "./dialect.ts";

export interface Peer {
  name: string;
  title: string;
  version: string;
  /** Description of the server and its configuration, for the report. */
  setup: string;
  /** Features of Roomcast that this server does not have, for the report. */
  lacks: readonly string[];
  /** Capabilities that a scenario may need. */
  can: ReadonlySet<Capability>;
  /** Starts the server. `vars` are the variables of Roomcast's worker, instead of the default. */
  start(vars?: Record<string, string>): Promise<Server>;
}

/**
 * - `recover`: a client that reconnects receives the events that it missed.
 * - `presence`: clients are notified of members that enter and leave.
 * - `hibernate`: a room can be evicted from memory while its sockets stay open.
 * - `rows`: the server reports the number of rows that it has written.
 * - `flow`: the server buffers at most a window of events for each reader.
 * - `bridge`: the server has connections for many rooms, and streams of Server-Sent Events.
 * - `tokens`: the server verifies the tokens of publishers.
 * - `pusher`: the server speaks the protocol of pusher-js.
 */
export type Capability =
  "recover" | "presence" | "hibernate" | "rows" | "flow" | "bridge" | "tokens" | "pusher";

export interface Server {
  readonly pid: number;
  readonly target: Target;
  stop(): Promise<void>;
  /**
   * Evicts the room from memory. The room's sockets stay open. Returns whether the room was in
   * memory. Does not load a room that was not in memory.
   */
  evict?(room: string): Promise<boolean>;
  /** Reads a few bytes of the room's stored data. */
  read?(room: string): Promise<unknown>;
  /** Returns the number of rows written to the storage since the room was loaded. */
  rows?(room: string): Promise<number>;
}
