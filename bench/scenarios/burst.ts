/** Many events at once: how many are delivered a second. */
import { setTimeout as passes } from "node:timers/promises";
import {
  type Scale,
  type Scenario,
  assertWhole,
  clients,
  cost,
  loadOf,
  withPublisher,
  withServer,
} from "./scenario.ts";

const SIZES: Record<Scale, { sockets: number; events: number; bursts: number }> = {
  full: { sockets: 500, events: 200, bursts: 6 },
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
        await load.from(events);
        let took_ms = 0;
        const [, spent] = await cost(server, load, async () => {
          for (let i = 0; i < bursts; i++) {
            await passes(50); // Each burst comes after a pause.
            took_ms += await publisher.burst(events);
          }
        });
        await assertWhole(load, sockets * events * bursts);
        const { frames } = await load.got();
        await load.drop();
        const deliveries = (sockets + 1) * events * bursts;
        return [
          {
            sockets,
            events,
            bursts,
            deliveries_per_s: (sockets * events * bursts * 1000) / took_ms,
            server_us_per_delivery: (spent.server_ms * 1000) / deliveries,
            events_per_frame: (sockets * events * bursts) / frames,
            ...loadOf(spent),
          },
        ];
      });
    }),
};
