/** All attacks of clients with a token. Attacks that measure the memory of the process run first. */
import type { Options } from "../../tests/edge/runtime.ts";
import type { Attack } from "../attack/attack.ts";
import * as costs from "./costs.ts";
import { ROOM_SOCKETS, members, signalsInALargeRoom, socketsOfOneUser } from "./crowds.ts";
import * as floods from "./floods.ts";
import * as rights from "./rights.ts";
import * as stalled from "./stalled.ts";

export { signingKey } from "./costs.ts";

const { firstId, floodOfSeen, keyedEvents, reads, tokensInBand } = costs;

export const all: Record<string, Attack> = {
  ...stalled,
  ...floods,
  firstId,
  keyedEvents,
  floodOfSeen,
  reads,
  tokensInBand,
  signalsInALargeRoom,
  members,
  socketsOfOneUser,
  ...rights,
};

/** Settings without a rate limit, for rooms that are filled before an attack. */
const UNLIMITED = { publishes_per_second: 1_000_000 };

export const SETTINGS: NonNullable<Options["settings"]> = {
  stalled: UNLIMITED,
  "stalled:*": UNLIMITED,
  seen: UNLIMITED,
  state: UNLIMITED,
  ids: { ...UNLIMITED, retained_appends: 10_000, retained_bytes: 512 * 2 ** 20 },
  crowded: { sockets: ROOM_SOCKETS },
};
