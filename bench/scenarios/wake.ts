/**
 * A room with many sockets and a long log is asked for something in its sleep: for a few bytes, and
 * to deliver an event to everybody. What the latter takes an awake room is taken off.
 */
import { Backend } from "../load/backend.ts";
import { batch, now } from "../load/tally.ts";
import { cpuMs, mostSockets } from "../process.ts";
import { median } from "./statistics.ts";
import {
  EVENT_BYTES,
  ROOM,
  type Scale,
  type Scenario,
  clients,
  loadOf,
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
  needs: ["sleep", "rows"],
  run: (peer, load, scale) =>
    withServer(peer, async (server) => {
      const { appends, wakes } = SIZES[scale];
      const sockets = Math.min(SIZES[scale].sockets, await mostSockets());
      const { target, pid } = server;
      const backend = new Backend(target);
      let head = 0;
      const publish = async (events: number): Promise<void> => {
        const all = batch(head + 1, events, EVENT_BYTES);
        head += events;
        await backend.publish(ROOM, all);
      };
      for (let append = 0; append < appends; append++) await publish(BATCH);
      await load.open(target, clients(sockets));
      await load.from(head);

      const timed = async (asleep: boolean, act: () => Promise<unknown>): Promise<Timed> => {
        if (asleep && !(await server.sleep!(ROOM))) throw new Error("the room was asleep already");
        const before = { at: now(), cpu: await cpuMs(pid) };
        await act();
        const answered_ms = now() - before.at;
        await load.until(head);
        return { answered_ms, cpu_ms: (await cpuMs(pid)) - before.cpu };
      };
      const read = () => server.read!(ROOM);
      const deliver = () => publish(1);
      const reads: Timed[] = [];
      const delivers: Timed[] = [];
      const awake: Timed[] = [];
      const [, effort] = await load.effort(async () => {
        await timed(true, deliver); // Once through.
        for (let i = 0; i < wakes; i++) {
          awake.push(await timed(false, deliver));
          reads.push(await timed(true, read));
          delivers.push(await timed(true, deliver));
        }
      });
      backend.end();
      await load.drop();
      return [
        {
          sockets,
          events: appends * BATCH,
          read_ms: median(reads.map(({ answered_ms }) => answered_ms)),
          read_cpu_ms: mean(reads),
          deliver_ms: median(delivers.map(({ answered_ms }) => answered_ms)),
          deliver_cpu_ms: mean(delivers),
          deliver_awake_ms: median(awake.map(({ answered_ms }) => answered_ms)),
          deliver_awake_cpu_ms: mean(awake),
          ...loadOf(effort),
        },
      ];
    }),
};

interface Timed {
  /** Until the request was answered. */
  answered_ms: number;
  /** Until everybody had what there was. */
  cpu_ms: number;
}

const mean = (all: Timed[]): number =>
  all.reduce((sum, { cpu_ms }) => sum + cpu_ms, 0) / all.length;
