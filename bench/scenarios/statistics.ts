/** The smallest value that so many of all are not above; `share` from 0 to 1. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = Math.max(0, Math.ceil(sorted.length * share) - 1);
  const value = sorted[at];
  if (value === undefined) throw new Error("a quantile of nothing");
  return value;
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);
