/** What the server's process takes while something is done to it. */
import { setTimeout as sleep } from "node:timers/promises";
import { cpuMs } from "../../bench/process.ts";
import type { Runtime } from "../../tests/edge/runtime.ts";

/** What the runtime takes for itself as it works, in MB. */
export const OWN_MB = 120;
/** What a session may hold for a reader that stands still, in MB: twice that of docs/limits.md. */
export const SESSION_MB = 5;

const EVERY_MS = 100;

/** The memory before, and the most of it meanwhile, in MB. */
export interface Memory {
  beforeMb: number;
  mostMb: number;
}

/** Samples the resident memory until `act` is done, and once more then. */
export async function watchMemory(runtime: Runtime, act: () => Promise<unknown>): Promise<Memory> {
  const beforeMb = await runtime.residentMb();
  let mostMb = beforeMb;
  const look = async (): Promise<void> => {
    mostMb = Math.max(mostMb, await runtime.residentMb());
  };
  const done = act();
  const ended = done.then(
    () => true,
    () => true,
  );
  while (!(await Promise.race([ended, sleep(EVERY_MS, false)]))) await look();
  await done;
  await look();
  return { beforeMb, mostMb };
}

/** The CPU time of the process in ms, its bystanders' included. */
export async function watchCpu({ pid }: Runtime, act: () => Promise<unknown>): Promise<number> {
  const before = await cpuMs(pid);
  await act();
  return (await cpuMs(pid)) - before;
}
