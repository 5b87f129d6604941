import assert from "node:assert/strict";
import { type TestContext, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Socket } from "./client.ts";
import { Subscriber } from "./subscriber.ts";
import { claims, seconds, sign } from "./jwt.ts";
import { seeded } from "./random.ts";
import { NO_WINDOWS, type Options, Runtime, SECRET } from "./runtime.ts";

const alices = sign(claims("alice", ["subscribe", "publish"]), SECRET);
const bobs = sign(claims("bob", ["publish"]), SECRET);

describe("a room that hibernates", { concurrency: true }, () => {
  test("is evicted when it is idle, and its sockets stay open", async (t) => {
    const { runtime, url } = await room(t);
    const alice = await Socket.open(`${url}/events`, { token: alices });
    await alice.until("welcome");
    const before = await stats(url);
    await sleep(13_000); // The runtime evicts an object that has been idle for ten seconds.
    assert.equal(await runtime.evict("r"), false, "the room is no longer in memory");
    await publish(url, { name: "n", data: 1 });
    assert.equal((await alice.until("events")).events[0].seq, 1);
    const after = await stats(url);
    assert(after.awake_since > before.awake_since, "the object was created again");
    assert.equal(after.sessions, 1);
    assert.equal(after.epoch, before.epoch);
  });

  test("is not woken by a ping", async (t) => {
    const { runtime, url } = await room(t);
    const alice = await Socket.open(`${url}/events`, { token: alices });
    await alice.until("welcome");
    assert.equal(await runtime.evict("r"), true);
    alice.send({ type: "ping" });
    assert.deepEqual(await alice.next(), { type: "pong" });
    assert.equal(await runtime.evict("r"), false, "the room is still hibernating");
  });

  test("wakes to close a session when its token expires", async (t) => {
    const { runtime, url } = await room(t);
    // With the leeway of 30 s, this token expires in eight seconds.
    const short = sign({ ...claims("alice", ["subscribe"]), exp: seconds(-22) }, SECRET);
    const alice = await Socket.open(`${url}/events`, { token: short });
    await alice.until("welcome");
    assert.equal(await runtime.evict("r"), true);
    assert.equal((await alice.closed()).code, 4001);
    assert.equal((await stats(url)).sessions, 0);
  });

  test("at any moment loses, repeats and reorders no event", async (t) => {
    const random = seeded(t);
    const { runtime, url } = await room(t, { settings: NO_WINDOWS });
    const alice = await Subscriber.from(`${url}/events`, alices);
    t.after(() => alice.stop());
    let isDone = false;
    const evictions = (async () => {
      let count = 0;
      while (!isDone) {
        await sleep(random() * 10);
        if (await runtime.evict("r")) count += 1;
      }
      return count;
    })();
    const events = 500;
    for (let i = 1; i <= events; i++) await publish(url, { name: "n", data: i, id: `e-${i}` });
    isDone = true;
    assert((await evictions) >= 20);
    await alice.waitFor(events);
    assert.equal(alice.connects, 1, "the socket stayed open");
    assert.equal(alice.duplicates, 0);
    assert.deepEqual(
      alice.received.map(({ seq, data }) => ({ seq, data })),
      Array.from({ length: events }, (_, i) => ({ seq: i + 1, data: i + 1 })),
    );
  });
});

async function room(t: TestContext, options?: Options): Promise<{ runtime: Runtime; url: string }> {
  const runtime = await Runtime.start(options);
  t.after(() => runtime.stop());
  return { runtime, url: `${runtime.url}/rooms/r` };
}

async function publish(url: string, event: object): Promise<void> {
  const headers = { authorization: `Bearer ${bobs}` };
  const body = JSON.stringify(event);
  const answer = await fetch(`${url}/events`, { method: "POST", headers, body });
  assert.equal(answer.status, 201, await answer.text());
}

interface RoomStats {
  epoch: string;
  sessions: number;
  /** Time when the current object in memory was created. */
  awake_since: number;
}

async function stats(url: string): Promise<RoomStats> {
  const answer = await fetch(url, { headers: { authorization: `Bearer ${alices}` } });
  assert.equal(answer.status, 200);
  return (await answer.json()) as RoomStats;
}
