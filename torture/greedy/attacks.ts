/** What greedy clients do, those first that are measured by the memory of the process. */
import type { Options } from "../../tests/edge/runtime.ts";
import type { Attack } from "../attack/attack.ts";
import * as costs from "./costs.ts";
import { PLACES, members, places, signalsInALargeRoom } from "./crowds.ts";
import * as floods from "./floods.ts";
import * as rights from "./rights.ts";
import * as standing from "./standing.ts";

export { signingKey } from "./costs.ts";

const { firstId, floodOfSeen, keyedEvents, reads, tokensInBand } = costs;

export const all: Record<string, Attack> = {
  ...standing,
  ...floods,
  firstId,
  keyedEvents,
  floodOfSeen,
  reads,
  tokensInBand,
  signalsInALargeRoom,
  members,
  places,
  ...rights,
};

/** What prepares an attack is held to no rate. */
const UNBOUND = { publishes_per_second: 1_000_000 };

export const SETTINGS: NonNullable<Options["settings"]> = {
  standing: UNBOUND,
  "standing:*": UNBOUND,
  seen: UNBOUND,
  state: UNBOUND,
  ids: { ...UNBOUND, retained_appends: 10_000, retained_bytes: 512 * 2 ** 20 },
  places: { sockets: PLACES },
};
