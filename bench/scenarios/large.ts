/** Measures the cost of events, signals and entries of members in rooms of several sizes. */
import { TEXT, UPGRADE, frame, request } from "../../tests/edge/wire.ts";
import { dialects } from "../peers/dialects.ts";
import type { LoadGenerator } from "../load/generator.ts";
import { Reader } from "../load/reader.ts";
import type { Peer, Server } from "../peers/peer.ts";
import { roomcast } from "../peers/roomcast/dialect.ts";
import {
  type Figures,
  type Pace,
  ROOM,
  type Scale,
  type Scenario,
  measureCost,
  loadFigures,
  untilIdle,
  withPublisher,
  withServer,
} from "./scenario.ts";
import { median } from "./statistics.ts";

interface Size extends Pace {
  sockets: number;
  /** Number of events in a burst. `bursts` is the number of bursts. */
  burst: number;
  bursts: number;
}

const SIZES: Record<Scale, readonly Size[]> = {
  full: [
    { sockets: 100, events: 60, every_ms: 50, burst: 50, bursts: 20 },
    { sockets: 1000, events: 40, every_ms: 100, burst: 50, bursts: 10 },
    { sockets: 5000, events: 15, every_ms: 400, burst: 50, bursts: 4 },
  ],
  quick: [
    { sockets: 100, events: 40, every_ms: 50, burst: 50, bursts: 10 },
    { sockets: 1000, events: 25, every_ms: 100, burst: 50, bursts: 5 },
    { sockets: 5000, events: 10, every_ms: 400, burst: 50, bursts: 2 },
  ],
  smoke: [{ sockets: 10, events: 5, every_ms: 10, burst: 5, bursts: 2 }],
};

/** The default rate limit for a client is 50 frames a second. */
const SIGNAL_EVERY_MS = 20;
/** Number of signal names. The room sends at most one signal of each name every 50 ms. */
const SIGNAL_NAMES = 10;
/** Default limit of members in a room. */
const MEMBERS = 1_000;
/** Number of events before the measurement. These events make the JIT compile the code. */
const WARM_UP = 20;

export const large: Scenario = {
  name: "large",
  needs: ["presence"],
  runs: 2,
  async run(peer, load, scale) {
    const figures = [];
    for (const size of SIZES[scale]) figures.push(await measured(size, peer, load));
    return figures;
  },
};

const measured = (size: Size, peer: Peer, load: LoadGenerator): Promise<Figures> =>
  withServer(peer, async (server) => {
    const { sockets, events, burst, bursts } = size;
    const users = Array.from({ length: sockets }, (_, i) => ({ room: ROOM, user: `user-${i}` }));
    await load.open(server.target, users);
    return withPublisher(server, load, async (publisher) => {
      await publisher.burst(WARM_UP);

      const [took_ms, ofBursts] = await measureCost(server, load, async () => {
        let took_ms = 0;
        for (let i = 0; i < bursts; i++) took_ms += await publisher.burst(burst);
        return took_ms;
      });
      const [calm, ofCalm] = await measureCost(server, load, () => publisher.paced(size));
      const sender = await signalling(server);
      const [whileSignalling, ofSignals] = await measureCost(server, load, () =>
        publisher.paced(size),
      );
      const signals = sender.stop();

      const figures = sockets <= MEMBERS ? await entered(server, load, sockets) : {};
      await load.disconnect();
      return {
        at: `${sockets} sockets`,
        sockets,
        events_per_s: (burst * bursts * 1000) / took_ms,
        event_cpu_ms: ofCalm.server_ms / events,
        event_p50_ms: median(calm),
        signals,
        signal_cpu_ms: Math.max(0, ofSignals.server_ms - ofCalm.server_ms) / signals,
        event_p50_while_signalling_ms: median(whileSignalling),
        ...figures,
        ...loadFigures(ofBursts),
      };
    });
  });

/** Makes all clients enter at the same time. Each client is notified of all other members. */
async function entered(server: Server, load: LoadGenerator, sockets: number): Promise<Figures> {
  const before = await load.wireBytes();
  const { enter } = dialects[server.target.dialect].presence!;
  const [, spent] = await measureCost(server, load, async () => {
    await load.send(enter);
    await untilIdle(server);
  });
  return {
    enter_cpu_ms: spent.server_ms / sockets,
    enter_kb: ((await load.wireBytes()) - before) / sockets / 1000,
  };
}

/**
 * Joins the room with another client. This client sends signals at the default rate limit until
 * `stop` is called.
 */
async function signalling({ target: { port } }: Server): Promise<{ stop(): number }> {
  const { path, headers } = roomcast.upgrade({ room: ROOM, user: "sender" });
  const reader = new Reader(port, request(port, { path, headers: { ...UPGRADE, ...headers } }));
  await reader.waitFor('"welcome"', 1);
  let sent = 0;
  const signal = (): void => {
    const name = `cursor-${sent % SIGNAL_NAMES}`;
    reader.send(frame(TEXT, JSON.stringify({ type: "signal", name, data: { x: 1, y: 2 } })));
    sent += 1;
  };
  signal();
  const timer = setInterval(signal, SIGNAL_EVERY_MS);
  return {
    /** Returns the number of signals sent. */
    stop() {
      clearInterval(timer);
      reader.close();
      return sent;
    },
  };
}
