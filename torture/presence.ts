/**
 * Thousands of sockets enter, update, leave, drop and stall in one room. During this time, the room
 * hibernates, and its process is killed. The suite repeatedly requests the member list, and
 * compares it with the expected members. The suite also compares the member list with the lists
 * that watchers build from presence frames.
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { Member, enterAndStall } from "../tests/edge/member.ts";
import { tokenOf } from "../tests/edge/room.ts";
import type { Runtime } from "../tests/edge/runtime.ts";
import { type Entry, ExpectedMembers, PING_TIMEOUT_MS, key } from "./presence/expected-members.ts";
import { Session } from "./presence/session.ts";
import { runConcurrently } from "./run-concurrently.ts";
import type { Outcome, Suite, SuiteContext } from "./suite.ts";

const ROOM = "crowd";
const PING_EVERY_MS = 15_000;
const WATCHERS = 3;
const CONCURRENCY = 50;
/**
 * Number of steps between two attempts to make the room hibernate. An attempt may fail while steps
 * are in progress.
 */
const STEPS_PER_RUN = 100;

export const presence: Suite = {
  about:
    "sockets that enter, update, leave, close, drop, reconnect and stall in one room, which hibernates and is killed",
  async run(context) {
    const settings = { "*": { frames_per_second: 1_000, frames_burst: 1_000, members: 10_000 } };
    const crowd = new Crowd(context, await context.start({ settings }));
    context.after(() => crowd.end());
    return crowd.run();
  },
};

class Crowd {
  readonly #context: SuiteContext;
  readonly #runtime: Runtime;
  readonly #url: string;
  readonly #size: number;
  readonly #expected = new ExpectedMembers();
  #sessions: Session[] = [];
  #watchers: Member[] = [];
  #endStalled: (() => void)[] = [];
  readonly #counts = { sockets: 0, stalled: 0, steps: 0, hibernations: 0, kills: 0, lists: 0 };

  constructor(context: SuiteContext, runtime: Runtime) {
    this.#context = context;
    this.#runtime = runtime;
    this.#url = `${runtime.url}/rooms/${ROOM}`;
    this.#size = context.size(2_000, 60);
  }

  async run(): Promise<Outcome> {
    const context = this.#context;
    const pinging = setInterval(() => this.#ping(), PING_EVERY_MS);
    context.after(() => clearInterval(pinging));
    await this.#openAll();
    for (let phase = 1; phase <= context.size(12, 2) && !context.isOver; phase++) {
      await this.#change(this.#size / 2);
      await this.#checkWatchers();
      if (phase % 4 !== 1) continue;
      await this.#kill();
      await this.#openAll();
    }
    await this.#waitForExpiry(context.size(PING_TIMEOUT_MS, 0) + 20_000);
    const { lists, stalled, ...injected } = this.#counts;
    return {
      injected: { ...injected, "stalled sockets": stalled },
      observed: { "correct member lists": lists, "members at the end": this.#expected.members },
    };
  }

  end(): void {
    for (const socket of [...this.#sessions, ...this.#watchers]) socket.drop();
    for (const end of this.#endStalled) end();
  }

  /** Opens all sockets. One user in nine has a second socket, and one socket in fifty stalls. */
  async #openAll(): Promise<void> {
    const users = Math.ceil(this.#size * 0.9);
    await runConcurrently(this.#size, CONCURRENCY, async (i) => {
      const session = await this.#open(`u${i % users}`);
      this.#sessions[i] = session;
      await session.enter();
    });
    await runConcurrently(WATCHERS, 1, async (i) => (this.#watchers[i] = await this.#watch(i)));
    await runConcurrently(this.#size / 50, CONCURRENCY, (i) => this.#openStalled(`s${i}`));
  }

  async #open(user: string): Promise<Session> {
    this.#counts.sockets += 1;
    const token = tokenOf(user, ["subscribe", "presence"]);
    return Session.open(this.#url, user, token, this.#expected);
  }

  async #watch(i: number): Promise<Member> {
    this.#counts.sockets += 1;
    const entry = { user: `w${i}`, data: this.#counts.sockets };
    const watcher = await Member.open(this.#url, tokenOf(entry.user, ["subscribe", "presence"]));
    this.#expected.entering(entry);
    watcher.enter(entry.data);
    await watcher.until(({ list }) => list.size > 0);
    this.#expected.entered(entry);
    return watcher;
  }

  async #openStalled(user: string): Promise<void> {
    this.#counts.sockets += 1;
    this.#counts.stalled += 1;
    const entry = { user, data: null };
    this.#expected.entering(entry);
    const token = tokenOf(user, ["subscribe", "presence"]);
    this.#endStalled.push(await enterAndStall(this.#url, token));
    this.#expected.leaving(entry, PING_TIMEOUT_MS);
  }

  /**
   * Performs random steps, up to `CONCURRENCY` of them at the same time. During the steps, the room
   * hibernates at random times.
   */
  async #change(steps: number): Promise<void> {
    let isOver = false;
    const hibernate = async (): Promise<void> => {
      this.#counts.hibernations += (await this.#runtime.evictIfIdle(ROOM)) ? 1 : 0;
    };
    const hibernateAndCheck = async (): Promise<void> => {
      while (!isOver) {
        await sleep(this.#context.random() * 200);
        await hibernate();
        await this.#checkList();
      }
    };
    const order = Array.from({ length: this.#size }, (_, i) => i).sort(
      () => this.#context.random() - 0.5,
    );
    const performSteps = async (): Promise<void> => {
      for (let done = 0; done < steps; done += STEPS_PER_RUN) {
        const run = Math.min(STEPS_PER_RUN, steps - done);
        await runConcurrently(run, CONCURRENCY, (i) => this.#step(order[done + i] ?? 0));
        await hibernate();
      }
    };
    await Promise.all([performSteps().finally(() => (isOver = true)), hibernateAndCheck()]);
    this.#counts.steps += steps;
  }

  async #step(i: number): Promise<void> {
    const session = this.#sessions[i];
    assert(session);
    const choice = this.#context.below(8);
    if (choice < 3) return session.enter();
    if (choice < 5) return session.leave();
    // After a close, the user reconnects immediately. After a drop, the user reconnects immediately
    // or within 1 s.
    if (choice === 5) await session.close();
    else session.drop();
    if (choice === 7) await sleep(this.#context.random() * 1_000);
    this.#sessions[i] = await this.#open(session.user);
    await this.#sessions[i].enter();
  }

  async #kill(): Promise<void> {
    await this.#runtime.kill();
    this.#expected.allLeaving();
    this.end();
    [this.#sessions, this.#watchers, this.#endStalled] = [[], [], []];
    await this.#runtime.restart();
    this.#counts.kills += 1;
    await this.#checkList();
  }

  /** Waits until all leaving members are removed. After that, all lists must be equal. */
  async #waitForExpiry(timeoutMs: number): Promise<void> {
    const end = Date.now() + timeoutMs;
    // A short run does not wait for the ping timeout of the stalled sockets.
    const remaining = this.#context.size(0, this.#endStalled.length);
    while (this.#expected.leavingCount > remaining && Date.now() < end) {
      await sleep(500);
      await this.#checkList();
    }
    await this.#checkWatchers();
  }

  /** Waits until each watcher has the same list as the room. */
  async #checkWatchers(): Promise<void> {
    for (const watcher of this.#watchers) {
      for (const until = Date.now() + 60_000; ; await sleep(100)) {
        const listed = (await this.#checkList()).map(key).sort();
        const watched = watcher.shown();
        if (listed.length === watched.length && listed.every((one, i) => one === watched[i])) break;
        assert(
          Date.now() < until,
          `a watcher has ${watched.length} members, and the room lists ${listed.length}`,
        );
      }
    }
  }

  async #checkList(): Promise<Entry[]> {
    const requestedAt = Date.now();
    const headers = { authorization: `Bearer ${tokenOf("looker", ["presence"])}` };
    const answer = await fetch(`${this.#url}/members`, { headers });
    assert.equal(answer.status, 200);
    const { members } = (await answer.json()) as {
      members: { user: string; sessions: { data: number }[] }[];
    };
    const listed = members.flatMap(({ user, sessions }) =>
      sessions.map(({ data }) => ({ user, data })),
    );
    this.#expected.check(listed, requestedAt);
    this.#counts.lists += 1;
    return listed;
  }

  #ping(): void {
    for (const session of this.#sessions) session?.ping();
    for (const watcher of this.#watchers) watcher.send('{"type":"ping"}');
  }
}
