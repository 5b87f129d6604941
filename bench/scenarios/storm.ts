/** Everybody was away, and comes back at once, each behind: how long until the last is whole. */
import { data, now } from "../load/tally.ts";
import {
  EVENT_BYTES,
  ROOM,
  type Scale,
  type Scenario,
  assertWhole,
  clients,
  cost,
  loadOf,
  settled,
  withBackend,
  withPublisher,
  withServer,
} from "./scenario.ts";

const SIZES: Record<Scale, { sockets: number; behind: number }> = {
  full: { sockets: 2000, behind: 100 },
  quick: { sockets: 2000, behind: 100 },
  smoke: { sockets: 10, behind: 10 },
};
/** What everybody has before they go. */
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
      const away = await load.drop();
      await settled(server);
      await withBackend(server, async (backend) => {
        for (let n = BEFORE + 1; n <= BEFORE + behind; n++) {
          await backend.publish(ROOM, [data(n, EVENT_BYTES)]);
        }
      });
      await settled(server);

      const began = now();
      const [whole, spent] = await cost(server, load, async () => {
        await load.open(target, away, sockets);
        return load.until(BEFORE + behind);
      });
      await assertWhole(load, sockets * behind);
      await load.drop();
      return [
        {
          sockets,
          behind,
          whole_ms: whole - began,
          server_us_per_client: (spent.server_ms * 1000) / sockets,
          ...loadOf(spent),
        },
      ];
    }),
};
