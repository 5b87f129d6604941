/**
 * Compares servers that speak Pusher's protocol. First a script runs pusher-js and Pusher's SDK for
 * Node, and must receive the same from every server. Then a backend triggers events one at a time.
 */
import { backendPublisher } from "../load/publisher.ts";
import type { LoadGenerator } from "../load/generator.ts";
import type { Peer } from "../peers/peer.ts";
import { APP } from "../peers/pusher/dialect.ts";
import { measureFanOut, type Size } from "./paced.ts";
import {
  type Figures,
  ROOM,
  RoomPublisher,
  type Scale,
  type Scenario,
  withServer,
} from "./scenario.ts";

const SIZES: Record<Scale, readonly Size[]> = {
  full: [
    { sockets: 100, events: 120, every_ms: 25 },
    { sockets: 1000, events: 40, every_ms: 80 },
  ],
  quick: [{ sockets: 1000, events: 40, every_ms: 50 }],
  smoke: [{ sockets: 10, events: 5, every_ms: 10 }],
};
/** Has its own type check, because the types of pusher-js are for bundlers. */
const SCRIPT: string = "../../tests/pusher/script.ts";
const VARS = { PUSHER_APPS: JSON.stringify([{ ...APP, client_events: true }]) };

export const pusher: Scenario = {
  name: "pusher",
  needs: ["pusher"],
  runs: 3,
  async run(peer, load, scale) {
    const { runScript }: { runScript(port: number): Promise<number> } = await import(SCRIPT);
    const results = await withServer(peer, ({ target }) => runScript(target.port), VARS);
    const figures = [];
    for (const size of SIZES[scale]) {
      figures.push({ ...(await at(size, peer, load)), script_results: results });
    }
    return figures;
  },
};

const at = (size: Size, peer: Peer, load: LoadGenerator): Promise<Figures> =>
  withServer(
    peer,
    async (started) => {
      const server = { ...started, target: { ...started.target, dialect: "pusher" as const } };
      const backend = backendPublisher(server.target, ROOM);
      try {
        const publisher = new RoomPublisher(load, backend);
        return await measureFanOut(server, load, publisher, { ...size, receivers: size.sockets });
      } finally {
        backend.close();
      }
    },
    VARS,
  );
