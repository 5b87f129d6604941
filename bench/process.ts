/** CPU, memory and open files of a process, as the kernel reports them in /proc. */
import { readFile } from "node:fs/promises";

/** Unit of CPU times in /proc. The unit is the same on every Linux that Node supports. */
const TICK_MS = 10;

/** Returns the CPU time of all threads since the process started. */
export async function cpuMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  // The name of the process may contain any character, even a parenthesis. So the last parenthesis
  // ends the name.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [utime, stime] = [Number(fields[11]), Number(fields[12])];
  return (utime + stime) * TICK_MS;
}

/**
 * Returns the maximum number of sockets that a process on this machine can serve. workerd needs two
 * file descriptors for each socket, and some for itself.
 */
export async function maxSockets(): Promise<number> {
  const limits = await readFile("/proc/self/limits", "utf8");
  const files = /^Max open files\s+\d+\s+(\d+|unlimited)/m.exec(limits)?.[1];
  if (files === undefined) throw new Error("/proc/self/limits has no limit of open files");
  return files === "unlimited" ? Infinity : Math.floor((Number(files) - 500) / 200) * 100;
}

/** Returns the resident memory of a process, in bytes. */
export async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}
