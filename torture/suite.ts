/** A torture suite, its options, and the context that it runs in. */
import { mkdirSync, openSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { randomFrom } from "../tests/edge/random.ts";
import { type Options, type Place, Runtime } from "../tests/edge/runtime.ts";

export interface Suite {
  /** The faults that the suite injects, as a phrase for the report. */
  about: string;
  /** Whether the suite mounts file systems or creates networks, and so needs its own namespaces. */
  isolated?: true;
  run(context: SuiteContext): Promise<Outcome>;
}

/**
 * Figures by name. The figures do not include failures, because a suite throws if a rule is
 * violated.
 */
export interface Outcome {
  injected: Record<string, number>;
  observed: Record<string, number>;
  /** Upper bounds that the suite asserted, by the name of the figure in `observed`. */
  atMost?: Record<string, number>;
  /** Remarks, for example why a figure is missing on this machine. */
  notes?: string[];
}

export interface RunOptions {
  suite: string;
  seed: number;
  /** Whether the run is short: it injects each fault only a few times, as in `make test`. */
  short: boolean;
  /** Time limit that replaces the suite's own duration. */
  seconds?: number | undefined;
}

const LOG = resolve(import.meta.dirname, "../target/torture.log");

export class SuiteContext {
  readonly random: () => number;
  readonly #options: RunOptions;
  readonly #startedAt = Date.now();
  readonly #cleanups: (() => unknown)[] = [];

  constructor(options: RunOptions) {
    this.#options = options;
    this.random = randomFrom(options.seed);
  }

  /** Returns `full`, or `short` in a short run. */
  size<T>(full: T, short: T): T {
    return this.#options.short ? short : full;
  }

  /**
   * Returns the time limit of the run in ms. Without a time limit, returns the suite's own
   * duration.
   */
  durationMs(full: number, short: number): number {
    const { seconds } = this.#options;
    return seconds === undefined ? this.size(full, short) : seconds * 1_000;
  }

  /** Whether the time limit of the run has passed. */
  get isOver(): boolean {
    const { seconds } = this.#options;
    return seconds !== undefined && Date.now() > this.#startedAt + seconds * 1_000;
  }

  /** Starts the worker on workerd, and stops it after the suite. */
  async start(options: Options & Place = {}): Promise<Runtime> {
    mkdirSync(dirname(LOG), { recursive: true });
    const runtime = await Runtime.start({ ...options, log: openSync(LOG, "a") });
    this.after(() => runtime.stop());
    return runtime;
  }

  /** Runs `cleanup` after the suite. Cleanups run in the reverse order of their registration. */
  after(cleanup: () => unknown): void {
    this.#cleanups.push(cleanup);
  }

  async end(): Promise<void> {
    for (const cleanup of this.#cleanups.splice(0).reverse()) await cleanup();
  }

  /** Returns a random item of a list that is not empty. */
  pick<T>(of: readonly T[]): T {
    return of[this.below(of.length)] as T;
  }

  /** Returns a random whole number from 0 to `end` - 1. */
  below(end: number): number {
    return Math.floor(this.random() * end);
  }
}
