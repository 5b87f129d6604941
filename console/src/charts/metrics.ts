/** Reads the text format of Prometheus, as far as the charts need it. */

/** Totals and gauges at one time. */
export interface Sample {
  readonly at: number;
  readonly connections: number;
  readonly publishes: number;
  readonly sent: number;
  readonly errors: number;
  readonly backlog: number;
  /** Cumulative counts of the publish times by their upper bound in seconds. */
  readonly buckets: readonly (readonly [bound: number, count: number])[];
}

const LINE = /^roomcast_(\w+)(?:\{(.*)\})? ([\d.e+-]+)$/gm;

/** Metrics that count an error of a client or a loss. */
const ERRORS = ["rate_limited_total", "auth_failures_total", "gaps_total"];

export function parseSample(text: string, at: number): Sample {
  const sums = new Map<string, number>();
  const buckets: [number, number][] = [];
  for (const [, name = "", labels = "", value] of text.matchAll(LINE)) {
    const number = Number(value);
    const bound = /le="([^"]+)"/.exec(labels)?.[1];
    if (name === "publish_duration_seconds_bucket" && bound !== undefined) {
      buckets.push([bound === "+Inf" ? Infinity : Number(bound), number]);
    }
    const isPublish = labels.includes('kind="publish"');
    if (name === "messages_received_total" && !isPublish) continue;
    sums.set(name, (sums.get(name) ?? 0) + number);
  }
  const sum = (name: string): number => sums.get(name) ?? 0;
  return {
    at,
    connections: sum("connections"),
    publishes: sum("messages_received_total"),
    sent: sum("messages_sent_total"),
    errors: ERRORS.reduce((total, name) => total + sum(name), 0),
    backlog: sum("webhook_backlog"),
    buckets: buckets.sort(([a], [b]) => a - b),
  };
}

/** The values of the charts at one time. A value is `undefined` if it is not known. */
export interface Point {
  readonly at: number;
  readonly connections: number;
  readonly backlog: number;
  readonly publishes: number | undefined;
  readonly sent: number | undefined;
  readonly errors: number | undefined;
  /** Median and 99th percentile of the publish times, in ms. */
  readonly p50: number | undefined;
  readonly p99: number | undefined;
}

/** Returns the values at `now`, with the rates since `before`. */
export function pointBetween(before: Sample | undefined, now: Sample): Point {
  const rate = (of: (sample: Sample) => number): number | undefined =>
    before && Math.max(0, ((of(now) - of(before)) * 1_000) / (now.at - before.at));
  const times = before && now.buckets.map(([bound, count]) => [bound, count - at(before, bound)]);
  const quantile = (q: number): number | undefined => {
    const seconds = times && quantileOf(times as [number, number][], q);
    return seconds === undefined ? undefined : seconds * 1_000;
  };
  return {
    at: now.at,
    connections: now.connections,
    backlog: now.backlog,
    publishes: rate(({ publishes }) => publishes),
    sent: rate(({ sent }) => sent),
    errors: rate(({ errors }) => errors),
    p50: quantile(0.5),
    p99: quantile(0.99),
  };
}

const at = ({ buckets }: Sample, wanted: number): number =>
  buckets.find(([bound]) => bound === wanted)?.[1] ?? 0;

/**
 * Returns a quantile of a histogram with cumulative counts. Times are assumed to be even within a
 * bucket, as Prometheus does. Returns `undefined` without any times.
 */
export function quantileOf(
  buckets: readonly (readonly [bound: number, count: number])[],
  quantile: number,
): number | undefined {
  const total = buckets.at(-1)?.[1] ?? 0;
  if (total <= 0) return undefined;
  const rank = quantile * total;
  let [lower, below] = [0, 0];
  for (const [bound, count] of buckets) {
    if (count >= rank) {
      if (bound === Infinity) return lower;
      return lower + ((bound - lower) * (rank - below)) / Math.max(1, count - below);
    }
    [lower, below] = [bound, count];
  }
  return lower;
}
