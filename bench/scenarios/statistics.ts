/**
 * Returns a quantile by the nearest-rank method. For 100 values and a `share` of 0.95, this is the
 * 95th of the sorted values.
 */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = Math.max(0, Math.ceil(sorted.length * share) - 1);
  const value = sorted[at];
  if (value === undefined) throw new Error("there are no values");
  return value;
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);
