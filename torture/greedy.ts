/** Clients with a small grant that take what they can: what each may cost the room and the others. */
import { jwk } from "../tests/edge/issuer.ts";
import { type Options, SECRET } from "../tests/edge/runtime.ts";
import { runAttacks } from "./attack/attack.ts";
import * as attacks from "./greedy/attacks.ts";
import { SETTINGS, signingKey } from "./greedy/attacks.ts";
import type { Suite } from "./suite.ts";

export const options = (): Options => ({
  vars: { JWT_SECRET: SECRET, JWT_JWKS: JSON.stringify({ keys: [jwk(signingKey(), "rsa")] }) },
  settings: SETTINGS,
});

export const greedy: Suite = {
  about:
    "clients with a token that take what they can: readers that stand still while others signal, keyed batches, floods of frames and of `seen`, ids of others, signals and members in a large room, reads, tokens and places",
  async run(context) {
    const runtime = await context.start(options());
    return runAttacks(context, runtime, attacks.all);
  },
};
