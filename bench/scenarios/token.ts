/**
 * Measures the cost of verifying a token. Publishes with tokens that the server has never received,
 * and with one token that it has received before. The difference is the cost of the verification.
 */
import { AUDIENCE, ISSUER, VARS, ec, ed, rsa } from "../../tests/edge/issuer.ts";
import { type Claims, claims, sign } from "../../tests/edge/jwt.ts";
import { SECRET } from "../../tests/edge/runtime.ts";
import type { Backend } from "../load/backend.ts";
import { eventBatch } from "../load/events.ts";
import type { LoadGenerator } from "../load/generator.ts";
import type { Server } from "../peers/peer.ts";
import {
  type Cost,
  EVENT_BYTES,
  type Figures,
  ROOM,
  type Scale,
  type Scenario,
  loadFigures,
  measureCost,
  withBackend,
  withServer,
} from "./scenario.ts";

interface Size {
  warmUp: number;
  /** Number of publishes in each round, of each kind. */
  publishes: number;
  rounds: number;
}

const SIZES: Record<Scale, Size> = {
  full: { warmUp: 500, publishes: 200, rounds: 4 },
  quick: { warmUp: 500, publishes: 200, rounds: 1 },
  smoke: { warmUp: 10, publishes: 10, rounds: 1 },
};
const PUBLISHERS = 8;

const ALGORITHMS: Record<string, (all: Claims) => string> = {
  HS256: (all) => sign(all, SECRET),
  RS256: (all) => sign(all, rsa.privateKey, { kid: "rsa" }, "RS256"),
  ES256: (all) => sign(all, ec.privateKey, { kid: "ec" }, "ES256"),
  EdDSA: (all) => sign(all, ed.privateKey, { kid: "ed" }, "EdDSA"),
};

export const token: Scenario = {
  name: "token",
  needs: ["tokens"],
  runs: 3,
  run: (peer, load, scale) =>
    withServer(
      peer,
      async (server) => {
        const figures: Figures[] = [];
        for (const [algorithm, signed] of Object.entries(ALGORITHMS)) {
          const costs = await measured(server, load, signed, SIZES[scale]);
          figures.push({ at: algorithm, ...costs });
        }
        return figures;
      },
      VARS,
    ),
};

async function measured(
  server: Server,
  load: LoadGenerator,
  signed: (all: Claims) => string,
  { warmUp, publishes, rounds }: Size,
): Promise<Figures> {
  // All tokens are signed before the measurement, and have the same length.
  const tokens = Array.from({ length: 1 + warmUp + publishes * rounds }, (_, i) =>
    signed({
      ...claims("backend", ["publish"]),
      iss: ISSUER,
      aud: AUDIENCE,
      jti: String(i).padStart(9, "0"),
    }),
  );
  const [known, ...others] = tokens as [string, ...string[]];
  await publishWith(server, others.splice(0, warmUp));
  await publishWith(server, Array(warmUp).fill(known));

  const firstUse: Cost[] = [];
  const again: Cost[] = [];
  const publish = async (tokens: string[], costs: Cost[]): Promise<void> => {
    const [, spent] = await measureCost(server, load, () => publishWith(server, tokens));
    costs.push(spent);
  };
  // In alternating rounds, other work on the machine affects both kinds.
  for (let round = 0; round < rounds; round++) {
    await publish(others.splice(0, publishes), firstUse);
    await publish(Array(publishes).fill(known), again);
  }
  const usPerPublish = (costs: Cost[]): number =>
    (costs.reduce((sum, { server_ms }) => sum + server_ms, 0) * 1000) / (publishes * rounds);
  return {
    first_use_us_per_publish: usPerPublish(firstUse),
    again_us_per_publish: usPerPublish(again),
    ...loadFigures({
      cpu_ms: [...firstUse, ...again].reduce((sum, { cpu_ms }) => sum + cpu_ms, 0),
      busiest: Math.max(...[...firstUse, ...again].map(({ busiest }) => busiest)),
    }),
  };
}

/** Publishes one event with each of these tokens. */
async function publishWith(server: Server, tokens: string[]): Promise<void> {
  let next = 0;
  const publish = async (backend: Backend): Promise<void> => {
    const request = backend.request(ROOM, eventBatch(0, 1, EVENT_BYTES));
    for (let token; (token = tokens[next++]) !== undefined;) {
      await backend.send({ ...request, headers: { authorization: `Bearer ${token}` } });
    }
  };
  await Promise.all(Array.from({ length: PUBLISHERS }, () => withBackend(server, publish)));
}
