/** Publishes many events in one burst, and measures the number of deliveries per second. */
import { setTimeout as sleep } from "node:timers/promises";
import {
  type Scale,
  type Scenario,
  assertComplete,
  clients,
  measureCost,
  loadFigures,
  withPublisher,
  withServer,
} from "./scenario.ts";

const SIZES: Record<Scale, { sockets: number; events: number; bursts: number }> = {
  full: { sockets: 500, events: 200, bursts: 4 },
  quick: { sockets: 500, events: 200, bursts: 3 },
  smoke: { sockets: 10, events: 20, bursts: 2 },
};

export const burst: Scenario = {
  name: "burst",
  needs: [],
  run: (peer, load, scale) =>
    withServer(peer, async (server) => {
      const { sockets, events, bursts } = SIZES[scale];
      await load.open(server.target, clients(sockets));
      return withPublisher(server, load, async (publisher) => {
        await publisher.burst(events);
        await load.resetCounts(events);
        let took_ms = 0;
        const [, spent] = await measureCost(server, load, async () => {
          for (let i = 0; i < bursts; i++) {
            await sleep(50); // Pauses before each burst.
            took_ms += await publisher.burst(events);
          }
        });
        await assertComplete(load, sockets * events * bursts);
        const { frames } = await load.counts();
        await load.disconnect();
        const deliveries = (sockets + 1) * events * bursts;
        return [
          {
            sockets,
            events,
            bursts,
            deliveries_per_s: (sockets * events * bursts * 1000) / took_ms,
            server_us_per_delivery: (spent.server_ms * 1000) / deliveries,
            events_per_frame: (sockets * events * bursts) / frames,
            ...loadFigures(spent),
          },
        ];
      });
    }),
};
