/**
 * Attacks of clients without a token. Asserts that the cost of the attacks is bounded, and that the
 * worker creates no object for them.
 */
import { ATTACKED, runAttacks } from "./attack/attack.ts";
import type { Suite } from "./suite.ts";
import * as attacks from "./strangers/attacks.ts";
import { FULL, FULL_AT } from "./strangers/attacks.ts";

const settings = { [ATTACKED]: { publishes_per_second: 10_000 }, [FULL]: { sockets: FULL_AT } };
export const OPTIONS = { settings };

export const strangers: Suite = {
  about:
    "clients without a token: 10,000 upgrades to rooms that do not exist, sockets that never answer a Close, more waiting sockets than the limit of an isolate, floods of first frames, and frames of 30 MiB. At the same time, clients that send a token in the first frame must all join",
  async run(context) {
    const runtime = await context.start(OPTIONS);
    return runAttacks(context, runtime, attacks.all);
  },
};
