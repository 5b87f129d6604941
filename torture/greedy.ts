/**
 * Attacks of clients with a token and few rights. Asserts that the cost of the attacks for the room
 * and for other clients is bounded.
 */
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
    "clients with a token that send and request as much as they can: stalled readers while others send signals, keyed batches, floods of frames and of `seen`, event ids of other users, signals and members in a large room, state reads, new tokens, and the sockets of one user",
  async run(context) {
    const runtime = await context.start(options());
    return runAttacks(context, runtime, attacks.all);
  },
};
