/** Everybody was away, and comes back at once, each behind: how long until the last is whole. */
import { Backend } from "../load/backend.ts";
import { dialects } from "../peers/dialects.ts";
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
      await withPublisher(server, async (publisher) => {
        publisher.publish(1, BEFORE, EVENT_BYTES);
        await load.until(BEFORE);
      });
      const away = await load.drop();
      await settled(server);
      const backend = new Backend(target.port);
      for (let n = BEFORE + 1; n <= BEFORE + behind; n++) {
        await backend.post(dialects[target.dialect].post(ROOM, [data(n, EVENT_BYTES)]));
      }
      backend.end();
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
