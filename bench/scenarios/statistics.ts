/**
 * Returns a quantile. For a `share` of 0.95, this is the smallest value that at least 95 % of the
 * values do not exceed.
 */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = Math.max(0, Math.ceil(sorted.length * share) - 1);
  const value = sorted[at];
  if (value === undefined) throw new Error("there are no values");
  return value;
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);
