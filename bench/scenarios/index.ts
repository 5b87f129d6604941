import { burst } from "./burst.ts";
import { paced } from "./paced.ts";
import type { Scenario } from "./scenario.ts";

export const scenarios: readonly Scenario[] = [paced, burst];
