/** Everybody comes at once: how long until the last is in the room. */
import { now } from "../load/tally.ts";
import {
  type Scale,
  type Scenario,
  clients,
  cost,
  loadOf,
  settled,
  withServer,
} from "./scenario.ts";

const SIZES: Record<Scale, number> = { full: 2000, quick: 2000, smoke: 10 };
const WARM = 200;

export const join: Scenario = {
  name: "join",
  needs: [],
  run: (peer, load, scale) =>
    withServer(peer, async (server) => {
      const sockets = SIZES[scale];
      await load.open(server.target, clients(Math.min(WARM, sockets)));
      await load.drop();
      await settled(server);
      const began = now();
      const [joined, spent] = await cost(server, load, () =>
        load.open(server.target, clients(sockets), sockets),
      );
      await load.drop();
      return [
        {
          sockets,
          joined_ms: joined - began,
          server_us_per_client: (spent.server_ms * 1000) / sockets,
          ...loadOf(spent),
        },
      ];
    }),
};
