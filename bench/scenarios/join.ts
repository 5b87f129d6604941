/** Connects all clients at the same time, and measures when the last client has joined the room. */
import { now } from "../load/events.ts";
import {
  type Scale,
  type Scenario,
  clients,
  measureCost,
  loadFigures,
  untilIdle,
  withServer,
} from "./scenario.ts";

const SIZES: Record<Scale, number> = { full: 2000, quick: 2000, smoke: 10 };
/** Number of joins before the measurement, so that the JIT has compiled the code. */
const WARM_UP = 1000;

export const join: Scenario = {
  name: "join",
  needs: [],
  run: (peer, load, scale) =>
    withServer(peer, async (server) => {
      const sockets = SIZES[scale];
      await load.open(server.target, clients(Math.min(WARM_UP, sockets)));
      await load.disconnect();
      await untilIdle(server);
      const began = now();
      const [joined, spent] = await measureCost(server, load, () =>
        load.open(server.target, clients(sockets), sockets),
      );
      await load.disconnect();
      return [
        {
          sockets,
          joined_ms: joined - began,
          server_us_per_client: (spent.server_ms * 1000) / sockets,
          ...loadFigures(spent),
        },
      ];
    }),
};
