/** All parts, in the order they run. */
import { kill } from "./kill.ts";
import type { Part } from "./part.ts";

export const PARTS: Record<string, Part> = { kill };
