/**
 * Tests presence on the real runtime: with the real clock, with dead sockets, and after hibernation
 * and crashes. The scenarios in tests/scenarios/presence.json test the exchange of frames.
 */
import assert from "node:assert/strict";
import { type TestContext, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { claims, sign } from "./jwt.ts";
import { Member, enterAndStall } from "./member.ts";
import { seeded } from "./random.ts";
import { GONE_WITHIN_MS, Runtime, SECRET } from "./runtime.ts";

describe("presence", { concurrency: true }, () => {
  test("a disconnected member leaves after ten seconds, also if the room hibernates", async (t) => {
    const { runtime, url } = await room(t);
    const ann = await enter(url, "ann");
    const ben = await enter(url, "ben");
    await ann.until(() => ann.list.size === 2);
    ben.drop();
    const dropped = Date.now();
    await sleep(100);
    assert.equal((await stats(url)).members, 2);
    assert.equal(await runtime.evict("r"), true);
    await ann.until(() => ann.list.size === 1);
    const after = Date.now() - dropped;
    assert(after >= 10_000, `left after ${after} ms`);
    assert.equal((await stats(url)).members, 1);
  });

  test("a member that closes its socket leaves immediately, also if the room hibernates", async (t) => {
    const { runtime, url } = await room(t);
    const ann = await enter(url, "ann");
    for (const code of [1000, undefined]) {
      const ben = await enter(url, "ben");
      await ann.until(() => ann.list.size === 2);
      assert.equal(await runtime.evict("r"), true);
      ben.close(code);
      // Without a Close frame, ben would stay a member for ten seconds.
      await ann.until(() => ann.list.size === 1, 9_000);
    }
  });

  test("no member remains after the process is killed", async (t) => {
    const { runtime, url } = await room(t);
    for (const user of ["ann", "ben", "cat"]) await enter(url, user);
    assert.equal((await stats(url)).members, 3);
    await runtime.kill();
    await runtime.restart();
    assert.equal((await stats(url)).members, 0);
    assert.deepEqual((await enter(url, "ben")).users(), ["ben"]);
  });

  test("a member that sends no pings is closed and leaves, and all other members stay", async (t) => {
    const { runtime, url } = await room(t);
    const watcher = await Member.open(`${runtime.url}/rooms/idle`, token("ann"));

    const ann = await enter(url, "ann");
    const closeStalled = await enterAndStall(url, token("ben"));
    t.after(closeStalled);
    const since = Date.now();
    const silent = await enter(url, "cat");
    const active = await enter(url, "dan");
    await ann.until(() => ann.list.size === 4);
    // The room hibernates between these frames. The runtime answers the ping, and the `members`
    // frame wakes the room.
    const sending = setInterval(() => {
      ann.send('{"type":"ping"}');
      active.send({ type: "members" });
    }, 20_000);
    t.after(() => clearInterval(sending));

    await silent.until(() => silent.closed !== undefined, GONE_WITHIN_MS);
    const closedAfter = Date.now() - since;
    assert.equal(silent.closed, 4408);
    assert(closedAfter > 49_900, `closed after ${closedAfter} ms`);
    await ann.until(() => ann.list.size === 2, since + GONE_WITHIN_MS - Date.now());
    assert.deepEqual(ann.users(), ["ann", "dan"]);
    assert.deepEqual(active.users(), ["ann", "dan"]);
    assert.equal((await stats(url)).members, 2);
    assert.equal(
      await runtime.evict("idle"),
      false,
      "a room without members is not woken to check for pings",
    );
    assert.equal(watcher.closed, undefined);
  });

  test("2,000 members enter, leave and return while the room hibernates and crashes", async (t) => {
    const random = seeded(t);
    const { runtime, url } = await room(t, { members: 2_000 });
    const members = await crowd(t, url, 2_000);
    members.forEach((member, i) => member.enter(i));
    const shown = new Map(members.map((_, i) => [i, i]));
    await agree(members, shown, url);

    let isDone = false;
    const evicting = (async () => {
      for (let times = 0; !isDone || times < 20; times++) {
        await sleep(random() * 100);
        await runtime.evictIfIdle("r");
      }
    })();
    for (const [i, member] of members.entries()) {
      if (isTracking(i)) continue;
      const choice = random();
      if (choice < 0.3) shown.delete(i);
      else if (choice < 0.6) shown.set(i, -i);
      if (choice < 0.15) member.send({ type: "leave" });
      else if (choice < 0.3) member.close(1000);
      else if (choice < 0.45) member.enter(-i);
      else if (choice < 0.6) {
        member.drop();
        members[i] = await join(t, url, i);
        members[i].enter(-i);
      }
    }
    isDone = true;
    await evicting;
    await agree(members, shown, url);

    await runtime.kill();
    await runtime.restart();
    const returned = await crowd(t, url, 200);
    returned.forEach((member, i) => member.enter(i));
    await agree(returned, new Map(returned.map((_, i) => [i, i])), url);
  });
});

/**
 * Whether a client tracks the members. Only every 40th client tracks them, so that the test itself
 * is not slow.
 */
function isTracking(i: number): boolean {
  return i % 40 === 0;
}

/**
 * Joins the room, and sends pings as every client does. On a busy machine, the test may take longer
 * than the ping timeout. If the clients sent no pings, the room would close their sockets.
 */
async function join(t: TestContext, url: string, i: number): Promise<Member> {
  const member = await Member.open(url, token(`u${i}`), { tracks: isTracking(i) });
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
    const next = Array.from({ length: 50 }, (_, i) => join(t, url, members.length + i));
    members.push(...(await Promise.all(next)));
  }
  return members;
}

/**
 * Waits until all tracking clients have the expected list. Then checks the number of members over
 * HTTP.
 */
async function agree(members: Member[], shown: Map<number, number>, url: string): Promise<void> {
  const expected = [...shown].map(([i, data]) => `u${i} ${data}`).sort();
  const isUpToDate = (member: Member): boolean =>
    member.list.size === expected.length && member.shown().every((one, i) => one === expected[i]);
  for (const tracking of members.filter((_, i) => isTracking(i)))
    await tracking.until(isUpToDate, GONE_WITHIN_MS);
  assert.equal((await stats(url)).members, expected.length);
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

/** Connects a client, enters the room, and waits for the member list. */
async function enter(url: string, user: string): Promise<Member> {
  const member = await Member.open(url, token(user));
  member.enter();
  await member.until(() => member.list.size > 0);
  return member;
}

async function stats(url: string): Promise<{ members: number; sessions: number }> {
  const answer = await fetch(url, { headers: { authorization: `Bearer ${token("ann")}` } });
  assert.equal(answer.status, 200);
  return (await answer.json()) as { members: number; sessions: number };
}
