/** Reconnects all clients at the same time, and measures when the last client has caught up. */
import { eventData, now } from "../load/events.ts";
import {
  EVENT_BYTES,
  ROOM,
  type Scale,
  type Scenario,
  assertComplete,
  clients,
  measureCost,
  loadFigures,
  untilIdle,
  withBackend,
  withPublisher,
  withServer,
} from "./scenario.ts";

const SIZES: Record<Scale, { sockets: number; behind: number }> = {
  full: { sockets: 2000, behind: 100 },
  quick: { sockets: 2000, behind: 100 },
  smoke: { sockets: 10, behind: 10 },
};
/** Number of events that every client receives before it disconnects. */
const BEFORE = 5;

export const storm: Scenario = {
  name: "storm",
  needs: ["recover"],
  run: (peer, load, scale) =>
    withServer(peer, async (server) => {
      const { sockets, behind } = SIZES[scale];
      const { target } = server;
      await load.open(target, clients(sockets));
      await withPublisher(server, load, (publisher) => publisher.burst(BEFORE));
      const away = await load.disconnect();
      await untilIdle(server);
      await withBackend(server, async (backend) => {
        for (let n = BEFORE + 1; n <= BEFORE + behind; n++) {
          await backend.publish(ROOM, [eventData(n, EVENT_BYTES)]);
        }
      });
      await untilIdle(server);

      const began = now();
      const [caughtUp, spent] = await measureCost(server, load, async () => {
        await load.open(target, away, sockets);
        return load.waitFor(BEFORE + behind);
      });
      await assertComplete(load, sockets * behind);
      await load.disconnect();
      return [
        {
          sockets,
          behind,
          caught_up_ms: caughtUp - began,
          server_us_per_client: (spent.server_ms * 1000) / sockets,
          ...loadFigures(spent),
        },
      ];
    }),
};
