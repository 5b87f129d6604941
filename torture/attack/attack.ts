/** What one kind of attack is given, what it answers, and how a suite runs several of them. */
import assert from "node:assert/strict";
import type { Runtime } from "../../tests/edge/runtime.ts";
import type { Outcome, SuiteContext } from "../suite.ts";
import { Bystanders } from "./bystanders.ts";

/** The room that is attacked, and another. Each has bystanders. */
export const ATTACKED = "attacked";
const OTHER = "other";
/** In each room. */
const READERS = 10;

/**
 * How much slower an event may get for a bystander: a multiple of the p50 before the attack, and a
 * constant for the time that the machine is busy with the attack itself. Before these attacks were
 * bounded, the p50 rose to seconds.
 */
export const SLOWER = 8;
export const SLOWER_MS = 1_000;
export const slowest = (p50BeforeMs: number): number => p50BeforeMs * SLOWER + SLOWER_MS;

export interface Target {
  context: SuiteContext;
  runtime: Runtime;
  bystanders: Bystanders;
}

/** What was done and what came of it, with the bounds of that. */
type Attacked = Required<Omit<Outcome, "notes">>;

export type Attack = (target: Target) => Promise<Attacked>;

/** Runs the attacks one after the other, and asserts their bounds and that bystanders were served. */
export async function runAttacks(
  context: SuiteContext,
  runtime: Runtime,
  attacks: Record<string, Attack>,
): Promise<Outcome> {
  const bystanders = await Bystanders.start(context, runtime, READERS, [ATTACKED, OTHER]);
  const calm = await bystanders.calm(context.size(3_000, 1_000));
  const all: Attacked = { injected: {}, observed: {}, atMost: {} };
  let worstMs = 0;
  for (const [name, attack] of Object.entries(attacks)) {
    if (context.isOver) break;
    const attacked = await attack({ context, runtime, bystanders });
    Object.assign(all.injected, attacked.injected);
    Object.assign(all.observed, attacked.observed);
    Object.assign(all.atMost, attacked.atMost);
    assertBounds(name, attacked);
    for (const [room, { p50 }] of Object.entries(await bystanders.measure())) {
      // In short, among other tests, time says nothing.
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

function assertBounds(name: string, { observed, atMost }: Attacked): void {
  for (const [what, most] of Object.entries(atMost)) {
    const figure = observed[what];
    assert(figure !== undefined, `${name} does not say ${what}`);
    const all = JSON.stringify(observed);
    assert(figure <= most, `${name}: ${figure} ${what}, at most ${most}; of ${all}`);
  }
}
