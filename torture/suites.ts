/** All suites, in the order in which they run. */
import { disk } from "./disk.ts";
import { flood } from "./flood.ts";
import { greedy } from "./greedy.ts";
import { kill } from "./kill.ts";
import { network } from "./network.ts";
import type { Suite } from "./suite.ts";
import { presence } from "./presence.ts";
import { readers } from "./readers.ts";
import { soak } from "./soak.ts";
import { strangers } from "./strangers.ts";
import { time } from "./time.ts";

export const SUITES: Record<string, Suite> = {
  kill,
  disk,
  network,
  flood,
  soak,
  time,
  presence,
  readers,
  strangers,
  greedy,
};
