/**
 * Thousands of real sockets that enter, update, leave, drop and stand still, in a room that falls
 * asleep and dies. All the while the room is asked who is in it, and what it says is held against
 * what it was told.
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { Member, standsStill } from "../tests/edge/member.ts";
import { tokenOf } from "../tests/edge/room.ts";
import type { Runtime } from "../tests/edge/runtime.ts";
import { runConcurrently } from "./run-concurrently.ts";
import type { Outcome, Suite, SuiteContext } from "./suite.ts";
import { Attendance, type Entry, SILENT_MS, key } from "./presence/attendance.ts";
import { Visitor } from "./presence/visitor.ts";

const ROOM = "crowd";
const PING_EVERY_MS = 15_000;
const WATCHERS = 3;
const AT_ONCE = 50;
/** So many steps, and it sleeps: while any of them is under way, something may keep it awake. */
const RUN = 100;

export const presence: Suite = {
  about:
    "sockets that enter, update, leave, close, drop, come back and stand still in one room, which sleeps and is killed",
  async run(context) {
    const settings = { "*": { frames_per_second: 1_000, frames_burst: 1_000, members: 10_000 } };
    const crowd = new Crowd(context, await context.start({ settings }));
    context.after(() => crowd.end());
    return crowd.comesAndGoes();
  },
};

class Crowd {
  readonly #context: SuiteContext;
  readonly #runtime: Runtime;
  readonly #url: string;
  readonly #size: number;
  readonly #attendance = new Attendance();
  #visitors: Visitor[] = [];
  #watchers: Member[] = [];
  #still: (() => void)[] = [];
  readonly #counts = { sockets: 0, halfOpen: 0, steps: 0, sleeps: 0, kills: 0, lists: 0 };

  constructor(context: SuiteContext, runtime: Runtime) {
    this.#context = context;
    this.#runtime = runtime;
    this.#url = `${runtime.url}/rooms/${ROOM}`;
    this.#size = context.size(2_000, 60);
  }

  async comesAndGoes(): Promise<Outcome> {
    const context = this.#context;
    const pinging = setInterval(() => this.#ping(), PING_EVERY_MS);
    context.after(() => clearInterval(pinging));
    await this.#allCome();
    for (let phase = 1; phase <= context.size(12, 2) && !context.isOver; phase++) {
      await this.#change(this.#size / 2);
      await this.#agrees();
      if (phase % 4 !== 1) continue;
      await this.#dies();
      await this.#allCome();
    }
    await this.#calmsDown(context.size(SILENT_MS, 0) + 20_000);
    const { lists, halfOpen, ...injected } = this.#counts;
    return {
      injected: { ...injected, "stalled sockets": halfOpen },
      observed: { "correct member lists": lists, "members at the end": this.#attendance.members },
    };
  }

  end(): void {
    for (const one of [...this.#visitors, ...this.#watchers]) one.drop();
    for (const end of this.#still) end();
  }

  /** A tenth of the users have a second tab; a few stand still. */
  async #allCome(): Promise<void> {
    const users = Math.ceil(this.#size * 0.9);
    await runConcurrently(this.#size, AT_ONCE, async (i) => {
      const visitor = await this.#comes(`u${i % users}`);
      this.#visitors[i] = visitor;
      await visitor.enter();
    });
    await runConcurrently(WATCHERS, 1, async (i) => (this.#watchers[i] = await this.#watches(i)));
    await runConcurrently(this.#size / 50, AT_ONCE, (i) => this.#standsStill(`s${i}`));
  }

  async #comes(user: string): Promise<Visitor> {
    this.#counts.sockets += 1;
    const token = tokenOf(user, ["subscribe", "presence"]);
    return Visitor.open(this.#url, user, token, this.#attendance);
  }

  async #watches(i: number): Promise<Member> {
    this.#counts.sockets += 1;
    const entry = { user: `w${i}`, data: this.#counts.sockets };
    const watcher = await Member.open(this.#url, tokenOf(entry.user, ["subscribe", "presence"]));
    this.#attendance.enters(entry);
    watcher.enter(entry.data);
    await watcher.until(({ list }) => list.size > 0);
    this.#attendance.entered(entry);
    return watcher;
  }

  async #standsStill(user: string): Promise<void> {
    this.#counts.sockets += 1;
    this.#counts.halfOpen += 1;
    const entry = { user, data: null };
    this.#attendance.enters(entry);
    this.#still.push(await standsStill(this.#url, tokenOf(user, ["subscribe", "presence"])));
    this.#attendance.goes(entry, PING_TIMEOUT_MS);
  }

  /** Random steps, some at once, while the room falls asleep between any two. */
  async #change(steps: number): Promise<void> {
    let isOver = false;
    const sleeping = async (): Promise<void> => {
      while (!isOver) {
        await sleep(this.#context.random() * 200);
        this.#counts.sleeps += (await this.#runtime.evictIfIdle(ROOM)) ? 1 : 0;
        await this.#look();
      }
    };
    const who = Array.from({ length: this.#size }, (_, i) => i).sort(
      () => this.#context.random() - 0.5,
    );
    const stepping = async (): Promise<void> => {
      for (let done = 0; done < steps; done += RUN) {
        await runConcurrently(Math.min(RUN, steps - done), AT_ONCE, (i) =>
          this.#step(who[done + i] ?? 0),
        );
        this.#counts.sleeps += (await this.#runtime.evictIfIdle(ROOM)) ? 1 : 0;
      }
    };
    await Promise.all([stepping().finally(() => (isOver = true)), sleeping()]);
    this.#counts.steps += steps;
  }

  async #step(i: number): Promise<void> {
    const visitor = this.#visitors[i];
    assert(visitor);
    const dice = this.#context.below(8);
    if (dice < 3) return visitor.enter();
    if (dice < 5) return visitor.leave();
    // It comes back: at once, so that it was never gone, or when it may be gone already.
    if (dice === 5) await visitor.close();
    else visitor.drop();
    if (dice === 7) await sleep(this.#context.random() * 1_000);
    this.#visitors[i] = await this.#comes(visitor.user);
    await this.#visitors[i].enter();
  }

  async #dies(): Promise<void> {
    await this.#runtime.kill();
    this.#attendance.allGo();
    this.end();
    [this.#visitors, this.#watchers, this.#still] = [[], [], []];
    await this.#runtime.restart();
    this.#counts.kills += 1;
    await this.#look();
  }

  /** Until everybody who went has left; then every list is the same. */
  async #calmsDown(patienceMs: number): Promise<void> {
    const end = Date.now() + patienceMs;
    const stay = this.#context.size(0, this.#still.length);
    while (this.#attendance.going > stay && Date.now() < end) {
      await sleep(500);
      await this.#look();
    }
    await this.#agrees();
  }

  /** Who watches has made the same list of what it heard. */
  async #agrees(): Promise<void> {
    for (const watcher of this.#watchers) {
      for (const until = Date.now() + 60_000; ; await sleep(100)) {
        const listed = (await this.#look()).map(key).sort();
        const told = watcher.shown();
        if (listed.length === told.length && listed.every((one, i) => one === told[i])) break;
        assert(
          Date.now() < until,
          `it was told of ${told.length}, and ${listed.length} are listed`,
        );
      }
    }
  }

  async #look(): Promise<Entry[]> {
    const askedAt = Date.now();
    const headers = { authorization: `Bearer ${tokenOf("looker", ["presence"])}` };
    const answer = await fetch(`${this.#url}/members`, { headers });
    assert.equal(answer.status, 200);
    const { members } = (await answer.json()) as {
      members: { user: string; sessions: { data: number }[] }[];
    };
    const listed = members.flatMap(({ user, sessions }) =>
      sessions.map(({ data }) => ({ user, data })),
    );
    this.#attendance.judge(listed, askedAt);
    this.#counts.lists += 1;
    return listed;
  }

  #ping(): void {
    for (const visitor of this.#visitors) visitor?.ping();
    for (const watcher of this.#watchers) watcher.send('{"type":"ping"}');
  }
}
