/**
 * SIGKILL at any moment of publishing, joining, replaying, keyed state, erasing and alarms; after
 * each, what was promised is looked at.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Runtime } from "../tests/edge/runtime.ts";
import { IDLE_MS, IdleRooms } from "./idle.ts";
import { type Draft, Ledger } from "./ledger.ts";
import type { Outcome, Suite, SuiteContext } from "./suite.ts";
import { Reader } from "./reader.ts";

const KEYS = 12;

export const kill: Suite = {
  about: "SIGKILL while rooms are published to, joined, replayed, erased, and ring their alarms",
  async run(context) {
    const fast = { publishes_per_second: 100_000, frames_per_second: 100_000, frames_burst: 1_000 };
    const runtime = await context.start({
      settings: { "*": { retained_appends: 100_000, ...fast }, "idle:*": { retained_ms: IDLE_MS } },
    });
    const fire = new Fire(context, runtime);
    context.after(() => fire.end());
    return fire.burn(context.size(1_000, 12));
  },
};

class Fire {
  readonly #context: SuiteContext;
  readonly #runtime: Runtime;
  readonly #ledger: Ledger;
  readonly #readers: Reader[];
  readonly #idle: IdleRooms;
  #killed = false;

  constructor(context: SuiteContext, runtime: Runtime) {
    this.#context = context;
    this.#runtime = runtime;
    this.#ledger = new Ledger(runtime, "lively");
    const ways = ["room", "room", "connection"] as const;
    this.#readers = ways.map((over) => new Reader(this.#ledger, over));
    this.#idle = new IdleRooms(runtime);
  }

  async burn(kills: number): Promise<Outcome> {
    let done = 0;
    for (let isLast = false; !isLast;) {
      // It joins as the others publish, and what it hears is looked at with theirs.
      const joiner = done === 0 ? [] : [this.#joins()];
      await this.#round();
      done += 1;
      isLast = done === kills || this.#context.isOver;
      await this.#check([...this.#readers, ...joiner], isLast || done % 25 === 0);
      for (const each of joiner) each.end();
    }
    await this.#idle.areErased({ all: true });
    const { acknowledged, unsettled, erased, repeated } = this.#ledger.counts;
    return {
      injected: {
        kills: done,
        "publishes without an answer": unsettled,
        erases: erased,
        joins: done - 1,
      },
      observed: {
        "acknowledged events found in the log": acknowledged,
        "connections of subscribers": this.#readers.reduce((sum, each) => sum + each.connects, 0),
        "ids published again and counted once": repeated,
        "idle rooms erased by their alarm": this.#idle.erased,
      },
    };
  }

  end(): void {
    for (const reader of this.#readers) reader.end();
  }

  /** Everything at once, and in the midst of it the end. */
  async #round(): Promise<void> {
    const context = this.#context;
    this.#killed = false;
    const deeds = Array.from({ length: 3 }, () => this.#publishes());
    deeds.push(this.#publishesOverSockets());
    if (context.below(15) === 0) deeds.push(this.#ledger.erase());
    if (context.below(5) === 0) deeds.push(this.#idle.leave());
    const moment = context.below(30);
    // Now and then just as an alarm is about to ring.
    await sleep(
      context.below(10) === 0 ? Math.max(moment, this.#idle.dueMs + moment - 10) : moment,
    );
    this.#killed = true;
    await this.#runtime.kill();
    await Promise.all(deeds);
    await this.#runtime.restart();
  }

  async #check(readers: Reader[], whole: boolean): Promise<void> {
    await this.#ledger.check({ whole });
    for (const reader of readers) await reader.agrees();
    const known = this.#ledger.idAt(this.#context.random());
    if (known) await this.#ledger.repeat(known);
    await this.#idle.areErased();
  }

  async #publishes(): Promise<void> {
    while (!this.#killed) {
      const events = this.#context.pick([1, 1, 1, 2, 7]);
      await this.#ledger.publish(Array.from({ length: events }, () => this.#draft()));
    }
  }

  async #publishesOverSockets(): Promise<void> {
    while (!this.#killed) {
      this.#context.pick(this.#readers).publish(this.#draft());
      await sleep(this.#context.below(4));
    }
  }

  /** Joins at the head, or somewhere before it. */
  #joins(): Reader {
    const [epoch = ""] = this.#ledger.position.split(":");
    const seq = this.#context.below(this.#ledger.head + 1);
    const over = this.#context.pick(["room", "connection"] as const);
    return new Reader(this.#ledger, over, this.#context.pick([undefined, { epoch, seq }]));
  }

  #draft(): Draft {
    const context = this.#context;
    const key = context.below(2) === 0 ? `k${context.below(KEYS)}` : undefined;
    return this.#ledger.draft(
      context.pick([null, context.random(), "\u{1F30D} é".repeat(50)]),
      key,
    );
  }
}
