/** What a process costs, as the kernel counts it. */
import { readFile } from "node:fs/promises";

/** A tick of /proc, which is the same on every Linux that Node runs on. */
const TICK_MS = 10;

/** CPU time of all threads since the process began. */
export async function cpuMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  // The name before may hold anything, but ends with the last parenthesis.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [utime, stime] = [Number(fields[11]), Number(fields[12])];
  return (utime + stime) * TICK_MS;
}

/**
 * How many sockets a process of this machine can serve: workerd takes two file descriptors for
 * each, and some for itself.
 */
export async function mostSockets(): Promise<number> {
  const limits = await readFile("/proc/self/limits", "utf8");
  const files = /^Max open files\s+\d+\s+(\d+|unlimited)/m.exec(limits)?.[1];
  if (files === undefined) throw new Error("/proc/self/limits says nothing of open files");
  return files === "unlimited" ? Infinity : Math.floor((Number(files) - 500) / 200) * 100;
}

/** The memory that the process has, in bytes. */
export async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}
