/**
 * Runs clients on one host and the worker on another host, with a bad network between the hosts.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Runtime } from "../tests/edge/runtime.ts";
import type { ClientOptions, ClientResult } from "./network/clients.ts";
import { type Conditions, GOOD, HOSTS, Link, makeHosts } from "./network/link.ts";
import { nextMessage } from "./next-message.ts";
import type { Suite } from "./suite.ts";

const BAD: Conditions = { lost: 0.05, duplicated: 0.02, delayMs: 20, jitterMs: 60, cutOff: [] };
const PARTITION: Conditions = { ...GOOD, cutOff: ["server", "clients"] };

export const network: Suite = {
  about:
    "two hosts and the clients of the npm package, with lost, delayed, reordered and duplicated packets, half-open links, partitions, and kills during a partition",
  isolated: true,
  async run(context) {
    makeHosts();
    const link = await Link.open(context.random);
    context.after(() => link.close());
    const host = { namespace: "server", address: HOSTS.server };
    const settings = { "*": { retained_appends: 100_000 } };
    const runtime = await context.start({ host, settings });
    const clients = context.size(20, 4);
    const everyMs = context.size(400, 100);
    const child = await startClients({ url: runtime.url, clients, everyMs });
    context.after(() => child.kill("SIGKILL"));

    let partitions = 0;
    const impose = async (conditions: Conditions, ms: number): Promise<void> => {
      if (context.isOver) return;
      link.conditions = conditions;
      partitions += conditions.cutOff.length > 0 ? 1 : 0;
      await sleep(ms);
      link.conditions = GOOD;
      await sleep(ms / 10);
    };
    await impose(BAD, context.size(30_000, 2_000));
    // This partition is longer than two ping periods, so that each side detects that it has lost
    // the other side.
    await impose(PARTITION, context.size(55_000, 1_000));
    await impose({ ...GOOD, cutOff: ["clients"] }, context.size(35_000, 500));
    await impose({ ...GOOD, cutOff: ["server"] }, context.size(35_000, 500));
    for (let i = 0; i < context.size(20, 2); i++) await impose(PARTITION, context.random() * 1_500);
    const kills = context.size(5, 1);
    for (let i = 0; i < kills; i++) await killDuringPartition(runtime, link);
    await impose(BAD, context.size(10_000, 500));

    const { events, completeAfterMs } = await stopClients(child);
    const { lost, duplicated, delivered } = link.counts;
    return {
      injected: { "partitions and half-open links": partitions, "kills during a partition": kills },
      observed: {
        "packets delivered": delivered,
        "packets lost": lost,
        "packets duplicated": duplicated,
        "events received exactly once and in order by each client": events,
        clients,
        "s until every client had every event": completeAfterMs / 1_000,
      },
    };
  },
};

/**
 * Kills and restarts the worker during a partition, so that the clients do not notice the kill. The
 * new process then rejects the packets that the clients send on connections of the old process.
 */
async function killDuringPartition(runtime: Runtime, link: Link): Promise<void> {
  link.conditions = PARTITION;
  await runtime.kill();
  await runtime.restart();
  await sleep(500);
  link.conditions = GOOD;
  await sleep(1_000);
}

async function startClients(options: ClientOptions): Promise<ChildProcess> {
  const script = resolve(import.meta.dirname, "network/clients.ts");
  const child = spawn("ip", ["netns", "exec", "clients", process.execPath, script], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  child.send(options);
  await nextMessage("the clients' process", child);
  return child;
}

async function stopClients(child: ChildProcess): Promise<ClientResult> {
  child.send("stop");
  return (await nextMessage("the clients' process", child)) as ClientResult;
}
