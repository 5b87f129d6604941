/** All parts, in the order they run. */
import { disk } from "./disk.ts";
import { kill } from "./kill.ts";
import { network } from "./network.ts";
import type { Part } from "./part.ts";
import { presence } from "./presence.ts";

export const PARTS: Record<string, Part> = { kill, disk, network, presence };
