/**
 * Runs each scenario with all peers, one after another. If the machine is busy with other work for
 * some time, this work then affects all peers.
 */
import { LoadGenerator } from "./load/generator.ts";
import type { Peer } from "./peers/peer.ts";
import { type Failed, type Measured, type Results, machine } from "./results.ts";
import { type Scale, type Scenario, stop } from "./scenarios/scenario.ts";

/**
 * Time limit of a measurement. Every measurement normally takes much less time, so a measurement
 * that reaches this limit has hung.
 */
const TIMEOUT_MS = 300_000;

export interface Plan {
  peers: readonly Peer[];
  scenarios: readonly Scenario[];
  runs: number;
  scale: Scale;
  /** Prints a line about the progress. */
  log(line: string): void;
}

export async function bench({ peers, scenarios, runs, scale, log }: Plan): Promise<Results> {
  const date = new Date().toISOString();
  const started = performance.now();
  const measured: Measured[] = [];
  const failed: Failed[] = [];
  for (let run = 1; run <= runs; run++) {
    for (const scenario of scenarios) {
      if (run > (scenario.runs ?? runs)) continue;
      const capable = peers.filter(({ can }) => scenario.needs.every((need) => can.has(need)));
      // Each run begins with a different peer.
      for (const peer of rotated(capable, run - 1)) {
        const began = performance.now();
        const what = { run, scenario: scenario.name, peer: peer.name };
        try {
          const all = await runOnce(scenario, peer, scale);
          measured.push(...all.map((figures) => ({ ...what, figures })));
        } catch (error) {
          failed.push({ ...what, why: (error as Error).message });
          log(`${scenario.name} with ${peer.title}: ${(error as Error).stack}`);
        }
        const took_s = ((performance.now() - began) / 1000).toFixed(1);
        log(`run ${run}/${runs}  ${scenario.name.padEnd(10)} ${peer.title.padEnd(22)} ${took_s} s`);
      }
    }
  }
  const described = peers.map(({ name, title, version, setup, lacks }) => {
    return { name, title, version, setup, lacks };
  });
  const took_s = Math.round((performance.now() - started) / 1000);
  return { date, scale, runs, took_s, machine: machine(), peers: described, measured, failed };
}

async function runOnce(scenario: Scenario, peer: Peer, scale: Scale) {
  const load = new LoadGenerator();
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error(`not done within ${TIMEOUT_MS / 1000} s`)),
    TIMEOUT_MS,
  );
  try {
    return await Promise.race([scenario.run(peer, load, scale), late.promise]);
  } finally {
    clearTimeout(timer);
    await stop(peer);
    await load.close();
  }
}

const rotated = <T>(all: readonly T[], by: number): T[] => {
  const at = by % Math.max(1, all.length);
  return [...all.slice(at), ...all.slice(0, at)];
};
