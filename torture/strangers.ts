/** Clients without a token: what they may cost, and that no object comes to be for them. */
import { ATTACKED, runAttacks } from "./attack/attack.ts";
import type { Suite } from "./suite.ts";
import * as attacks from "./strangers/attacks.ts";
import { FULL, FULL_AT } from "./strangers/attacks.ts";

const settings = { [ATTACKED]: { publishes_per_second: 10_000 }, [FULL]: { sockets: FULL_AT } };
export const OPTIONS = { settings };

export const strangers: Suite = {
  about:
    "clients without a token: 10,000 upgrades to rooms that never were, sockets that never answer a Close, more waiting sockets than an isolate takes, floods of first frames, and frames of 30 MiB; beside them, clients with a token in the first frame, who all get in",
  async run(context) {
    const runtime = await context.start(OPTIONS);
    return runAttacks(context, runtime, attacks.all);
  },
};
