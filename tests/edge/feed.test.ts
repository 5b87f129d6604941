import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createBackend } from "roomcast/server";
import { earthquakes, event } from "../../tools/quakes.ts";
import type { Event } from "./client.ts";
import { Subscriber } from "./subscriber.ts";
import { claims, sign } from "./jwt.ts";
import { seeded } from "./random.ts";
import { Runtime, SECRET } from "./runtime.ts";

const KILLS = 24;
const room = "quakes:week";

test("the earthquake feed survives 24 kills: no event is lost, repeated or changed", async (t) => {
  const random = seeded(t);
  const quakes = earthquakes();
  const runtime = await Runtime.start({
    settings: { "quakes:*": { retained_appends: 10_000, state_keys: 5_000 } },
  });
  t.after(() => runtime.stop());
  const url = `${runtime.url}/rooms/${room}/events`;
  const reader = sign(claims("alice", ["subscribe"]), SECRET);
  const alice = await Subscriber.from(url, reader);
  t.after(() => alice.stop());

  // Bob waits for each acknowledgement, so that the seqs follow the order of the file.
  let requests = 0;
  const backend = createBackend({
    url: runtime.url,
    token: sign(claims("bob", ["publish"]), SECRET),
    timeoutMs: 60_000,
    fetch: (...request) => ((requests += 1), fetch(...request)),
  });
  const acknowledged: number[] = [];
  const bob = (async () => {
    for (const quake of quakes) {
      acknowledged.push(...(await backend.publishBatch(room, [event(quake)])));
    }
  })();

  // Each kill follows a random acknowledgement, after a random delay of at most 5 ms. In 5 ms, a
  // few publishes may complete, so kills happen before, during and after the write of an event.
  const moments = Array.from({ length: KILLS }, () => Math.floor(random() * quakes.length));
  for (const count of moments.sort((a, b) => a - b)) {
    while (acknowledged.length < count) await sleep(1);
    await sleep(random() * 5);
    await runtime.kill();
    await runtime.restart();
  }
  await bob;
  await alice.waitFor(quakes.length);
  const retries = requests - quakes.length;
  t.diagnostic(`${KILLS} kills, ${retries} retries, alice connected ${alice.connects} times`);

  const expected = quakes.map(({ id }, i) => ({ seq: i + 1, id }));
  assert.deepEqual(
    acknowledged,
    expected.map(({ seq }) => seq),
    "the acknowledged seqs",
  );
  assert.deepEqual(alice.received.map(identity), expected, "the events that alice received");
  assert.equal(alice.duplicates, 0, "the events that alice received twice");
  for (const { seq, frame } of alice.received) {
    assert(frame.includes(`"data":${quakes[seq - 1]?.text}`), `the bytes of event ${seq}`);
  }

  const pages = await readPages(url, reader);
  assert.deepEqual(
    pages.flatMap(({ events }) => events.map(identity)),
    expected,
    "the events in the pages",
  );
  for (const { text, events } of pages) {
    for (const { seq } of events) {
      assert(text.includes(`"data":${quakes[seq - 1]?.text}`), `the bytes of event ${seq}`);
    }
  }
});

const identity = ({ seq, id }: Event) => ({ seq, id });

interface Page {
  text: string;
  events: Event[];
}

/** Reads all pages, from the first event to the head. */
async function readPages(url: string, token: string): Promise<Page[]> {
  const read = async (query: string) => {
    const answer = await fetch(`${url}?${query}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    const text = await answer.text();
    assert.equal(answer.status, 200, text.slice(0, 300));
    return { text, ...JSON.parse(text) };
  };
  const { epoch, head } = await read("limit=1");
  const pages: Page[] = [];
  for (let seq = 0; seq < head;) {
    const page = await read(`since=${epoch}:${seq}&limit=300`);
    assert.equal(page.prev, seq);
    seq = page.events.at(-1).seq;
    pages.push(page);
  }
  return pages;
}
