/**
 * Presence where it takes a real runtime: its clock, its sockets that nobody is behind any more,
 * its sleep and its death. What is said frame by frame is in tests/scenarios/presence.json.
 */
import assert from "node:assert/strict";
import { type TestContext, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { claims, sign } from "./jwt.ts";
import { Member, standsStill } from "./member.ts";
import { seeded } from "./random.ts";
import { GONE_WITHIN_MS, Runtime, SECRET } from "./runtime.ts";

describe("presence", { concurrency: true }, () => {
  test("who drops has left after ten seconds, also where the room slept meanwhile", async (t) => {
    const { runtime, url } = await room(t);
    const ann = await enters(url, "ann");
    const ben = await enters(url, "ben");
    await ann.until(() => ann.list.size === 2);
    ben.drop();
    const dropped = Date.now();
    await sleep(100);
    assert.equal((await figures(url)).members, 2);
    assert.equal(await runtime.evict("r"), true);
    await ann.until(() => ann.list.size === 1);
    const after = Date.now() - dropped;
    assert(after >= 10_000, `left after ${after} ms`);
    assert.equal((await figures(url)).members, 1);
  });

  test("who closes leaves at once, also where the room slept", async (t) => {
    const { runtime, url } = await room(t);
    const ann = await enters(url, "ann");
    for (const code of [1000, undefined]) {
      const ben = await enters(url, "ben");
      await ann.until(() => ann.list.size === 2);
      assert.equal(await runtime.evict("r"), true);
      ben.close(code);
      // Before the ten seconds of one who drops are over.
      await ann.until(() => ann.list.size === 1, 9_000);
    }
  });

  test("a kill -9 leaves no ghost", async (t) => {
    const { runtime, url } = await room(t);
    for (const user of ["ann", "ben", "cat"]) await enters(url, user);
    assert.equal((await figures(url)).members, 3);
    await runtime.kill();
    await runtime.restart();
    assert.equal((await figures(url)).members, 0);
    assert.deepEqual((await enters(url, "ben")).users(), ["ben"]);
  });

  test("who is not heard of is closed and has left, and nobody else", async (t) => {
    const { runtime, url } = await room(t);
    const watcher = await Member.open(`${runtime.url}/rooms/idle`, token("ann"));

    const ann = await enters(url, "ann");
    const ends = await standsStill(url, token("ben"));
    t.after(ends);
    const since = Date.now();
    const silent = await enters(url, "cat");
    const talks = await enters(url, "dan");
    await ann.until(() => ann.list.size === 4);
    // The room sleeps between these. The one the runtime answers, and the other wakes it.
    const heard = setInterval(() => {
      ann.send('{"type":"ping"}');
      talks.send({ type: "members" });
    }, 20_000);
    t.after(() => clearInterval(heard));

    await silent.until(() => silent.closed !== undefined, GONE_WITHIN_MS);
    const closedAfter = Date.now() - since;
    assert.equal(silent.closed, 4408);
    assert(closedAfter > 49_900, `closed after ${closedAfter} ms`);
    await ann.until(() => ann.list.size === 2, since + GONE_WITHIN_MS - Date.now());
    assert.deepEqual(ann.users(), ["ann", "dan"]);
    assert.deepEqual(talks.users(), ["ann", "dan"]);
    assert.equal((await figures(url)).members, 2);
    assert.equal(await runtime.evict("idle"), false, "where nobody entered, nobody is looked for");
    assert.equal(watcher.closed, undefined);
  });

  test("2,000 come, go and come back as the room falls asleep, and as it dies", async (t) => {
    const random = seeded(t);
    const { runtime, url } = await room(t, { members: 2_000 });
    const members = await crowd(t, url, 2_000);
    members.forEach((member, i) => member.enter(i));
    const shown = new Map(members.map((_, i) => [i, i]));
    await agree(members, shown, url);

    let over = false;
    const slept = (async () => {
      for (let times = 0; !over || times < 20; times++) {
        await sleep(random() * 100);
        await runtime.evictIfIdle("r");
      }
    })();
    for (const [i, member] of members.entries()) {
      if (isWatching(i)) continue;
      const dice = random();
      if (dice < 0.3) shown.delete(i);
      else if (dice < 0.6) shown.set(i, -i);
      if (dice < 0.15) member.send({ type: "leave" });
      else if (dice < 0.3) member.close(1000);
      else if (dice < 0.45) member.enter(-i);
      else if (dice < 0.6) {
        member.drop();
        members[i] = await joins(t, url, i);
        members[i].enter(-i);
      }
    }
    over = true;
    await slept;
    await agree(members, shown, url);

    await runtime.kill();
    await runtime.restart();
    const back = await crowd(t, url, 200);
    back.forEach((member, i) => member.enter(i));
    await agree(back, new Map(back.map((_, i) => [i, i])), url);
  });
});

/** A few of the many make lists of what they hear: so the test itself is not what is slow. */
function isWatching(i: number): boolean {
  return i % 40 === 0;
}

/** Pings as every client does: on a busy machine it may be here for longer than silence is let be. */
async function joins(t: TestContext, url: string, i: number): Promise<Member> {
  const member = await Member.open(url, token(`u${i}`), { folds: isWatching(i) });
  const pinging = setInterval(() => member.send('{"type":"ping"}'), 20_000);
  t.after(() => {
    clearInterval(pinging);
    member.drop();
  });
  return member;
}

async function crowd(t: TestContext, url: string, count: number): Promise<Member[]> {
  const members: Member[] = [];
  while (members.length < count) {
    const next = Array.from({ length: 50 }, (_, i) => joins(t, url, members.length + i));
    members.push(...(await Promise.all(next)));
  }
  return members;
}

/** In a while, who watches has made the same list of it all, and HTTP has it too. */
async function agree(members: Member[], shown: Map<number, number>, url: string): Promise<void> {
  const expected = [...shown].map(([i, data]) => `u${i} ${data}`).sort();
  const isTold = (member: Member): boolean =>
    member.list.size === expected.length && member.shown().every((one, i) => one === expected[i]);
  for (const watching of members.filter((_, i) => isWatching(i)))
    await watching.until(isTold, GONE_WITHIN_MS);
  assert.equal((await figures(url)).members, expected.length);
}

async function room(
  t: TestContext,
  settings: Record<string, number> = {},
): Promise<{ runtime: Runtime; url: string }> {
  const runtime = await Runtime.start({ settings: { "*": settings } });
  t.after(() => runtime.stop());
  return { runtime, url: `${runtime.url}/rooms/r` };
}

function token(user: string): string {
  return sign(claims(user, ["subscribe", "presence"]), SECRET);
}

/** Somebody who has entered, and knows who else has. */
async function enters(url: string, user: string): Promise<Member> {
  const member = await Member.open(url, token(user));
  member.enter();
  await member.until(() => member.list.size > 0);
  return member;
}

async function figures(url: string): Promise<{ members: number; sessions: number }> {
  const answer = await fetch(url, { headers: { authorization: `Bearer ${token("ann")}` } });
  assert.equal(answer.status, 200);
  return (await answer.json()) as { members: number; sessions: number };
}
