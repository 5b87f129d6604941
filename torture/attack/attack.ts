/** The interface of an attack, and a runner for the attacks of a suite. */
import assert from "node:assert/strict";
import type { Runtime } from "../../tests/edge/runtime.ts";
import type { Outcome, SuiteContext } from "../suite.ts";
import { Bystanders } from "./bystanders.ts";

/** Names of the attacked room and of a room that is not attacked. Both rooms have bystanders. */
export const ATTACKED = "attacked";
const OTHER = "other";
/** Number of readers among the bystanders of each room. */
const READERS = 10;

/**
 * Upper bound of the bystanders' p50 latency during an attack: a multiple of the p50 before the
 * attack, plus a constant. The constant allows for the load that the attack itself puts on the
 * machine. Before the worker limited these attacks, the p50 rose to seconds.
 */
export const SLOWER = 8;
export const SLOWER_MS = 1_000;
export const slowest = (p50BeforeMs: number): number => p50BeforeMs * SLOWER + SLOWER_MS;

export interface Target {
  context: SuiteContext;
  runtime: Runtime;
  bystanders: Bystanders;
}

type AttackOutcome = Required<Omit<Outcome, "notes">>;

export type Attack = (target: Target) => Promise<AttackOutcome>;

/**
 * Runs the attacks in order. Asserts the bounds of each attack, and the bound of the bystanders'
 * p50.
 */
export async function runAttacks(
  context: SuiteContext,
  runtime: Runtime,
  attacks: Record<string, Attack>,
): Promise<Outcome> {
  const bystanders = await Bystanders.start(context, runtime, READERS, [ATTACKED, OTHER]);
  const calm = await bystanders.measureFor(context.size(3_000, 1_000));
  const all: AttackOutcome = { injected: {}, observed: {}, atMost: {} };
  let worstMs = 0;
  for (const [name, attack] of Object.entries(attacks)) {
    if (context.isOver) break;
    const outcome = await attack({ context, runtime, bystanders });
    Object.assign(all.injected, outcome.injected);
    Object.assign(all.observed, outcome.observed);
    Object.assign(all.atMost, outcome.atMost);
    assertBounds(name, outcome);
    for (const [room, { p50 }] of Object.entries(await bystanders.measure())) {
      // A short run shares the machine with other tests, so its latencies have no bound.
      const bound = context.size(slowest(calm[room]?.p50 ?? 0), Infinity);
      assert(p50 < bound, `${name}: p50 in the ${room} room ${p50} ms, at most ${bound} ms`);
      worstMs = Math.max(worstMs, p50);
    }
  }
  return {
    ...all,
    observed: {
      ...all.observed,
      "ms p50 of the bystanders before": Math.max(...Object.values(calm).map(({ p50 }) => p50)),
      "ms p50 of the bystanders during the worst attack": worstMs,
    },
  };
}

function assertBounds(name: string, { observed, atMost }: AttackOutcome): void {
  for (const [figure, most] of Object.entries(atMost)) {
    const value = observed[figure];
    assert(value !== undefined, `${name} has no figure ${figure}`);
    const all = JSON.stringify(observed);
    assert(value <= most, `${name}: ${value} ${figure}, at most ${most}; all figures: ${all}`);
  }
}
