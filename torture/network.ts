/** Clients on one host and the worker on another, and a network between them that is a bad one. */
import { type ChildProcess, spawn } from "node:child_process";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Runtime } from "../tests/edge/runtime.ts";
import type { Came, Told } from "./network/guest.ts";
import { FAIR, HOSTS, type Weather, Wire, makeHosts } from "./network/wire.ts";
import type { Suite } from "./suite.ts";
import { nextMessage } from "./next-message.ts";

const ROUGH: Weather = { lost: 0.05, doubled: 0.02, delayMs: 20, jitterMs: 60, cutOff: [] };
const PARTED: Weather = { ...FAIR, cutOff: ["server", "clients"] };

export const network: Suite = {
  about:
    "two hosts and the npm package's clients, with packets lost, held back, overtaken and doubled, links that are half open, partitions, and a kill behind one",
  isolated: true,
  async run(context) {
    makeHosts();
    const wire = await Wire.between(context.random);
    context.after(() => wire.close());
    const host = { namespace: "server", address: HOSTS.server };
    const settings = { "*": { retained_appends: 100_000 } };
    const runtime = await context.start({ host, settings });
    const clients = context.size(20, 4);
    const guest = await arrives({ url: runtime.url, clients, everyMs: context.size(400, 100) });
    context.after(() => guest.kill("SIGKILL"));

    let partitions = 0;
    const storm = async (weather: Weather, ms: number): Promise<void> => {
      if (context.isOver) return;
      wire.weather = weather;
      partitions += weather.cutOff.length > 0 ? 1 : 0;
      await sleep(ms);
      wire.weather = FAIR;
      await sleep(ms / 10);
    };
    await storm(ROUGH, context.size(30_000, 2_000));
    // Longer than two ping periods: each side finds the other gone.
    await storm(PARTED, context.size(55_000, 1_000));
    await storm({ ...FAIR, cutOff: ["clients"] }, context.size(35_000, 500));
    await storm({ ...FAIR, cutOff: ["server"] }, context.size(35_000, 500));
    for (let i = 0; i < context.size(20, 2); i++) await storm(PARTED, context.random() * 1_500);
    const kills = context.size(5, 1);
    for (let i = 0; i < kills; i++) await diesBehind(runtime, wire);
    await storm(ROUGH, context.size(10_000, 500));

    const { events, wholeAfterMs } = await departs(guest);
    const { lost, doubled, passed } = wire.counts;
    return {
      injected: { "partitions and half-open links": partitions, "kills during a partition": kills },
      observed: {
        "packets delivered": passed,
        lost,
        doubled,
        "events received exactly once and in order by each client": events,
        clients,
        "s until every client had every event": wholeAfterMs / 1_000,
      },
    };
  },
};

/** Nobody hears that the process is gone; who speaks to it after that is refused by the next. */
async function diesBehind(runtime: Runtime, wire: Wire): Promise<void> {
  wire.weather = PARTED;
  await runtime.kill();
  await runtime.restart();
  await sleep(500);
  wire.weather = FAIR;
  await sleep(1_000);
}

async function arrives(told: Told): Promise<ChildProcess> {
  const script = resolve(import.meta.dirname, "network/guest.ts");
  const guest = spawn("ip", ["netns", "exec", "clients", process.execPath, script], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  guest.send(told);
  await nextMessage("the clients' host", guest);
  return guest;
}

async function departs(guest: ChildProcess): Promise<Came> {
  guest.send("enough");
  return (await nextMessage("the clients' host", guest)) as Came;
}
