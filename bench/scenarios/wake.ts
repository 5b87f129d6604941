/**
 * Evicts a room with many sockets and a long log. Measures the requests that wake the room: a read
 * of a few bytes, and a publish that is delivered to every socket. The publish is also measured
 * while the room is active, for comparison.
 */
import { Backend } from "../load/backend.ts";
import { eventBatch, now } from "../load/events.ts";
import { cpuMs, maxSockets } from "../process.ts";
import { median } from "./statistics.ts";
import {
  EVENT_BYTES,
  ROOM,
  type Scale,
  type Scenario,
  clients,
  loadFigures,
  withServer,
} from "./scenario.ts";

const SIZES: Record<Scale, { sockets: number; appends: number; wakes: number }> = {
  full: { sockets: 10_000, appends: 1000, wakes: 5 },
  quick: { sockets: 10_000, appends: 1000, wakes: 3 },
  smoke: { sockets: 10, appends: 2, wakes: 1 },
};
const BATCH = 100;

export const wake: Scenario = {
  name: "wake",
  needs: ["hibernate", "rows"],
  runs: 3,
  run: (peer, load, scale) =>
    withServer(peer, async (server) => {
      const { appends, wakes } = SIZES[scale];
      const sockets = Math.min(SIZES[scale].sockets, await maxSockets());
      const { target, pid } = server;
      const backend = new Backend(target);
      let head = 0;
      const publish = async (events: number): Promise<void> => {
        const all = eventBatch(head + 1, events, EVENT_BYTES);
        head += events;
        await backend.publish(ROOM, all);
      };
      for (let append = 0; append < appends; append++) await publish(BATCH);
      await load.open(target, clients(sockets));
      await load.resetCounts(head);

      const timed = async (evict: boolean, act: () => Promise<unknown>): Promise<Timed> => {
        if (evict && !(await server.evict!(ROOM))) throw new Error("the room was not in memory");
        const before = { at: now(), cpu: await cpuMs(pid) };
        await act();
        const answered_ms = now() - before.at;
        await load.waitFor(head);
        return { answered_ms, cpu_ms: (await cpuMs(pid)) - before.cpu };
      };
      const read = () => server.read!(ROOM);
      const deliver = () => publish(1);
      const reads: Timed[] = [];
      const delivers: Timed[] = [];
      const active: Timed[] = [];
      const [, usage] = await load.measure(async () => {
        await timed(true, deliver); // Warms up.
        for (let i = 0; i < wakes; i++) {
          active.push(await timed(false, deliver));
          reads.push(await timed(true, read));
          delivers.push(await timed(true, deliver));
        }
      });
      backend.close();
      await load.disconnect();
      return [
        {
          sockets,
          events: appends * BATCH,
          read_ms: median(reads.map(({ answered_ms }) => answered_ms)),
          read_cpu_ms: mean(reads),
          deliver_ms: median(delivers.map(({ answered_ms }) => answered_ms)),
          deliver_cpu_ms: mean(delivers),
          deliver_active_ms: median(active.map(({ answered_ms }) => answered_ms)),
          deliver_active_cpu_ms: mean(active),
          ...loadFigures(usage),
        },
      ];
    }),
};

interface Timed {
  /** Time until the request was answered. */
  answered_ms: number;
  /** CPU of the server until every socket had received all events. */
  cpu_ms: number;
}

const mean = (all: Timed[]): number =>
  all.reduce((sum, { cpu_ms }) => sum + cpu_ms, 0) / all.length;
