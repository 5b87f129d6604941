/** CPU of one thread of the load generator. */
import { now } from "./events.ts";

/** CPU of a thread since its start. A busy thread answers late, so each thread reads its clock. */
export interface ThreadUsage {
  cpu_ms: number;
  /** Time of the measurement, on the clock of `now`. */
  at: number;
}

/** Returns the usage of the calling thread. */
export function threadUsage(): ThreadUsage {
  const { user, system } = process.threadCpuUsage();
  return { cpu_ms: (user + system) / 1000, at: now() };
}
