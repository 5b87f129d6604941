import { bridge } from "./bridge.ts";
import { burst } from "./burst.ts";
import { idle } from "./idle.ts";
import { join } from "./join.ts";
import { large } from "./large.ts";
import { paced } from "./paced.ts";
import { presence } from "./presence.ts";
import { publish } from "./publish.ts";
import { pusher } from "./pusher.ts";
import { rows } from "./rows.ts";
import type { Scenario } from "./scenario.ts";
import { slow } from "./slow.ts";
import { start } from "./start.ts";
import { storm } from "./storm.ts";
import { token } from "./token.ts";
import { wake } from "./wake.ts";

export const scenarios: readonly Scenario[] = [
  start,
  paced,
  burst,
  publish,
  token,
  storm,
  join,
  presence,
  large,
  bridge,
  pusher,
  wake,
  slow,
  rows,
  idle,
];
