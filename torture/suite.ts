/** What each suite of the torture is given, and what it gives back. */
import { mkdirSync, openSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { randomFrom } from "../tests/edge/random.ts";
import { type Options, type Place, Runtime } from "../tests/edge/runtime.ts";

export interface Suite {
  /** What is thrown at it, in the words of the report. */
  about: string;
  /** Whether it mounts or makes networks, and so runs in namespaces of its own. */
  isolated?: true;
  run(context: SuiteContext): Promise<Outcome>;
}

/** Numbers by what they count. What may not be has been asserted by then. */
export interface Outcome {
  injected: Record<string, number>;
  observed: Record<string, number>;
  /** Bounds that were asserted of figures in `observed`, by their names. */
  atMost?: Record<string, number>;
  /** What could not be had here, and what was done instead. */
  notes?: string[];
}

export interface RunOptions {
  suite: string;
  seed: number;
  /** Next to nothing of each: the form for `make test`. */
  short: boolean;
  /** How long it may throw things, if not as long as it takes by itself. */
  seconds?: number | undefined;
}

const LOG = resolve(import.meta.dirname, "../target/torture.log");

export class SuiteContext {
  readonly random: () => number;
  readonly #options: RunOptions;
  readonly #begun = Date.now();
  readonly #undo: (() => unknown)[] = [];

  constructor(options: RunOptions) {
    this.#options = options;
    this.random = randomFrom(options.seed);
  }

  size<T>(full: T, short: T): T {
    return this.#options.short ? short : full;
  }

  /** The time that was given for it, in ms; where none was, the one it takes by itself. */
  takes(full: number, short: number): number {
    const { seconds } = this.#options;
    return seconds === undefined ? this.size(full, short) : seconds * 1_000;
  }

  /** Whether the time is up that was given. */
  get isOver(): boolean {
    const { seconds } = this.#options;
    return seconds !== undefined && Date.now() > this.#begun + seconds * 1_000;
  }

  /** The worker on workerd. It ends with the suite. */
  async start(options: Options & Place = {}): Promise<Runtime> {
    mkdirSync(dirname(LOG), { recursive: true });
    const runtime = await Runtime.start({ ...options, log: openSync(LOG, "a") });
    this.after(() => runtime.stop());
    return runtime;
  }

  after(undo: () => unknown): void {
    this.#undo.push(undo);
  }

  async end(): Promise<void> {
    for (const undo of this.#undo.splice(0).reverse()) await undo();
  }

  /** One of them, of which there has to be one. */
  pick<T>(of: readonly T[]): T {
    return of[this.below(of.length)] as T;
  }

  /** A whole number from 0. */
  below(end: number): number {
    return Math.floor(this.random() * end);
  }
}
