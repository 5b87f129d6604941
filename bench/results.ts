/** Results of a benchmark: the measured figures of every run. */
import { availableParallelism, cpus, release, totalmem } from "node:os";
import type { Peer } from "./peers/peer.ts";
import type { Figures, Scale } from "./scenarios/scenario.ts";

export interface Results {
  date: string;
  scale: Scale;
  runs: number;
  /** Duration of the benchmark. Results of earlier versions don't have it. */
  took_s?: number;
  machine: Machine;
  peers: Pick<Peer, "name" | "title" | "version" | "setup" | "lacks">[];
  /** Size of the upload when Roomcast is deployed. */
  worker?: { gzipped_kb: number };
  measured: Measured[];
  failed: Failed[];
}

export interface Machine {
  cpu: string;
  cores: number;
  memory_gib: number;
  system: string;
  node: string;
}

export interface Measured {
  run: number;
  scenario: string;
  peer: string;
  figures: Figures;
}

export function machine(): Machine {
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
    memory_gib: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${release()}`,
    node: process.versions.node,
  };
}

/** A measurement that failed. The benchmark continues with the next measurement. */
export interface Failed {
  run: number;
  scenario: string;
  peer: string;
  why: string;
}
