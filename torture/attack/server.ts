/** Measures the memory and the CPU time of the server's process. */
import { setTimeout as sleep } from "node:timers/promises";
import { cpuMs } from "../../bench/process.ts";
import type { Runtime } from "../../tests/edge/runtime.ts";

/** Memory that the runtime itself needs under load, in MB. */
export const OWN_MB = 120;
/** Memory that a session may use for a stalled reader, in MB: twice the value in docs/limits.md. */
export const SESSION_MB = 5;

const EVERY_MS = 100;

/** Memory before an action, and its peak during the action. */
export interface Memory {
  beforeMb: number;
  peakMb: number;
}

/** Samples the resident memory repeatedly during `act`, and once after `act`. */
export async function watchMemory(runtime: Runtime, act: () => Promise<unknown>): Promise<Memory> {
  const beforeMb = await runtime.residentMb();
  let peakMb = beforeMb;
  const sample = async (): Promise<void> => {
    peakMb = Math.max(peakMb, await runtime.residentMb());
  };
  const done = act();
  const ended = done.then(
    () => true,
    () => true,
  );
  while (!(await Promise.race([ended, sleep(EVERY_MS, false)]))) await sample();
  await done;
  await sample();
  return { beforeMb, peakMb };
}

/**
 * Returns the CPU time of the process during `act`, in ms. The time includes the bystanders'
 * requests.
 */
export async function watchCpu({ pid }: Runtime, act: () => Promise<unknown>): Promise<number> {
  const before = await cpuMs(pid);
  await act();
  return (await cpuMs(pid)) - before;
}
