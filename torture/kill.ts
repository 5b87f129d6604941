/**
 * Kills the process with SIGKILL at random moments, during publishes, joins, replays, writes of
 * keyed state, erases and alarms. After each kill, checks the guarantees of the protocol.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Runtime } from "../tests/edge/runtime.ts";
import { IDLE_MS, IdleRooms } from "./idle.ts";
import { type Draft, Ledger } from "./ledger.ts";
import { Subscriber } from "./subscriber.ts";
import type { Outcome, Suite, SuiteContext } from "./suite.ts";

const KEYS = 12;

export const kill: Suite = {
  about: "SIGKILL during publishes, joins, replays, erases and alarms",
  async run(context) {
    const fast = { publishes_per_second: 100_000, frames_per_second: 100_000, frames_burst: 1_000 };
    const runtime = await context.start({
      settings: { "*": { retained_appends: 100_000, ...fast }, "idle:*": { retained_ms: IDLE_MS } },
    });
    const killer = new Killer(context, runtime);
    context.after(() => killer.end());
    return killer.run(context.size(1_000, 12));
  },
};

class Killer {
  readonly #context: SuiteContext;
  readonly #runtime: Runtime;
  readonly #ledger: Ledger;
  readonly #subscribers: Subscriber[];
  readonly #idle: IdleRooms;
  #killed = false;

  constructor(context: SuiteContext, runtime: Runtime) {
    this.#context = context;
    this.#runtime = runtime;
    this.#ledger = new Ledger(runtime, "lively");
    const transports = ["room", "room", "connection"] as const;
    this.#subscribers = transports.map((over) => new Subscriber(this.#ledger, over));
    this.#idle = new IdleRooms(runtime);
  }

  async run(kills: number): Promise<Outcome> {
    let done = 0;
    for (let isLast = false; !isLast;) {
      // Another subscriber joins during the publishes. The check below includes this subscriber.
      const joined = done === 0 ? [] : [this.#join()];
      await this.#round();
      done += 1;
      isLast = done === kills || this.#context.isOver;
      await this.#check([...this.#subscribers, ...joined], isLast || done % 25 === 0);
      for (const each of joined) each.end();
    }
    await this.#idle.check({ all: true });
    const { acknowledged, unacknowledged, erased, repeated } = this.#ledger.counts;
    return {
      injected: {
        kills: done,
        "unacknowledged publishes": unacknowledged,
        erases: erased,
        joins: done - 1,
      },
      observed: {
        "acknowledged events found in the log": acknowledged,
        "connections of subscribers": this.#subscribers.reduce(
          (sum, each) => sum + each.connects,
          0,
        ),
        "ids published again and stored only once": repeated,
        "idle rooms erased by their alarm": this.#idle.erased,
      },
    };
  }

  end(): void {
    for (const subscriber of this.#subscribers) subscriber.end();
  }

  /** Starts all activities at the same time, and kills the process while they run. */
  async #round(): Promise<void> {
    const context = this.#context;
    this.#killed = false;
    const activities = Array.from({ length: 3 }, () => this.#publish());
    activities.push(this.#publishOverSockets());
    if (context.below(15) === 0) activities.push(this.#ledger.erase());
    if (context.below(5) === 0) activities.push(this.#idle.create());
    const delayMs = context.below(30);
    // In one round out of ten, kills the process just before or just after an alarm is due.
    const nearAlarm = context.below(10) === 0;
    await sleep(nearAlarm ? Math.max(delayMs, this.#idle.nextAlarmMs + delayMs - 10) : delayMs);
    this.#killed = true;
    await this.#runtime.kill();
    await Promise.all(activities);
    await this.#runtime.restart();
  }

  async #check(subscribers: Subscriber[], whole: boolean): Promise<void> {
    await this.#ledger.check({ whole });
    for (const subscriber of subscribers) await subscriber.check();
    const stored = this.#ledger.draftAt(this.#context.random());
    if (stored) await this.#ledger.repeat(stored);
    await this.#idle.check();
  }

  async #publish(): Promise<void> {
    while (!this.#killed) {
      const events = this.#context.pick([1, 1, 1, 2, 7]);
      await this.#ledger.publish(Array.from({ length: events }, () => this.#draft()));
    }
  }

  async #publishOverSockets(): Promise<void> {
    while (!this.#killed) {
      this.#context.pick(this.#subscribers).publish(this.#draft());
      await sleep(this.#context.below(4));
    }
  }

  /** Returns a new subscriber that joins at the head, or at a random seq up to the head. */
  #join(): Subscriber {
    const [epoch = ""] = this.#ledger.position.split(":");
    const seq = this.#context.below(this.#ledger.head + 1);
    const over = this.#context.pick(["room", "connection"] as const);
    return new Subscriber(this.#ledger, over, this.#context.pick([undefined, { epoch, seq }]));
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
