/** Looks up a peer's figure in each run, and the ratio of two peers' figures in each run. */
import type { Measured, Results } from "../results.ts";
import { median } from "../scenarios/statistics.ts";

/** Median, minimum and maximum of a figure over all runs. */
export interface Spread {
  median: number;
  min: number;
  max: number;
}

/** Share of a core, from 0 to 1, that the busiest thread of the load generator used. */
export interface Busiest {
  scenario: string;
  peer: string;
  busiest: number;
}

export class Table {
  readonly #measured: readonly Measured[];

  constructor({ measured }: Results) {
    this.#measured = measured;
  }

  /**
   * Returns the names of the parts of a scenario that were measured separately. If the scenario is
   * not divided into parts, the only name is `undefined`.
   */
  parts(scenario: string): (string | undefined)[] {
    const of = this.#measured.filter((one) => one.scenario === scenario);
    return [...new Set(of.map(({ figures }) => figures.at))];
  }

  /** Returns the number of runs of a scenario that have results. */
  runs(scenario: string): number {
    const of = this.#measured.filter((one) => one.scenario === scenario);
    return new Set(of.map(({ run }) => run)).size;
  }

  /**
   * Maps each run to the peer's figure in that run. The map is empty if the peer did not take part.
   */
  values(
    scenario: string,
    at: string | undefined,
    peer: string,
    figure: Figure,
  ): Map<number, number> {
    const values = new Map<number, number>();
    for (const one of this.#measured) {
      if (one.scenario !== scenario || one.peer !== peer || one.figures.at !== at) continue;
      const value = figure(one.figures as Record<string, number>);
      if (Number.isFinite(value)) values.set(one.run, value);
    }
    return values;
  }

  spread(
    scenario: string,
    at: string | undefined,
    peer: string,
    figure: Figure,
  ): Spread | undefined {
    return spread([...this.values(scenario, at, peer, figure).values()]);
  }

  /**
   * Computes the ratio of two peers within each run, and returns the spread of these ratios over
   * all runs.
   */
  ratio(
    scenario: string,
    at: string | undefined,
    [peer, other]: readonly [string, string],
    figure: Figure,
  ): Spread | undefined {
    const others = this.values(scenario, at, other, figure);
    const ratios = [...this.values(scenario, at, peer, figure)].flatMap(([run, value]) => {
      const base = others.get(run);
      return base === undefined || base <= 0 ? [] : [value / base];
    });
    return spread(ratios);
  }

  /**
   * Returns the share of a core that the busiest load thread used: the maximum for each scenario
   * with each peer, in descending order.
   */
  busiest(): Busiest[] {
    const all = new Map<string, Busiest>();
    for (const { scenario, peer, figures } of this.#measured) {
      const { load_busiest: busiest } = figures;
      if (typeof busiest !== "number") continue;
      const key = `${scenario} ${peer}`;
      if (busiest > (all.get(key)?.busiest ?? -1)) all.set(key, { scenario, peer, busiest });
    }
    return [...all.values()].sort((a, b) => b.busiest - a.busiest);
  }
}

/** Computes a figure from the figures of one measurement. */
export type Figure = (figures: Record<string, number>) => number;

function spread(values: number[]): Spread | undefined {
  if (values.length === 0) return undefined;
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}
