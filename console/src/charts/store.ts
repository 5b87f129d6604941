import type { RoomcastError } from "roomcast";
import { asError, type Api } from "../api.ts";
import { poll } from "../poll.ts";
import { parseSample, pointBetween, type Point, type Sample } from "./metrics.ts";

const INTERVAL_MS = 10_000;
/** Number of points that are stored: one hour. */
const POINTS = 360;
/**
 * Number of samples over which a rate is computed. Each room reports at most once in 10 s, so the
 * rate of a single interval would jump.
 */
const RATE_SAMPLES = 3;

interface Charted {
  readonly points: readonly Point[];
  readonly error: RoomcastError | undefined;
}

/** The points of the charts, read from the worker's metrics while the page is visible. */
export class MetricsStore {
  readonly #api: Api;
  #samples: Sample[] = [];
  #charted: Charted = { points: [], error: undefined };
  readonly #watchers = new Set<() => void>();
  #stop: (() => void) | undefined;

  constructor(api: Api) {
    this.#api = api;
  }

  /** Starts to read. Returns a function that stops. */
  start(): () => void {
    this.stop();
    this.#stop = poll((signal) => this.#read(signal));
    return () => this.stop();
  }

  stop(): void {
    this.#stop?.();
    this.#stop = undefined;
  }

  readonly getSnapshot = (): Charted => this.#charted;

  readonly subscribe = (changed: () => void): (() => void) => {
    this.#watchers.add(changed);
    return () => this.#watchers.delete(changed);
  };

  async #read(signal: AbortSignal): Promise<number> {
    try {
      this.#add(parseSample(await this.#api.metrics(signal), Date.now()));
    } catch (error) {
      if (!signal.aborted) this.#set({ ...this.#charted, error: asError(error) });
    }
    return INTERVAL_MS;
  }

  #add(sample: Sample): void {
    const point = pointBetween(this.#samples[0], sample);
    this.#samples = [...this.#samples, sample].slice(-RATE_SAMPLES);
    const hourAgo = sample.at - POINTS * INTERVAL_MS;
    const points = [...this.#charted.points, point].slice(-POINTS);
    this.#set({ points: points.filter(({ at }) => at >= hourAgo), error: undefined });
  }

  #set(charted: Charted): void {
    this.#charted = charted;
    for (const changed of this.#watchers) changed();
  }
}
