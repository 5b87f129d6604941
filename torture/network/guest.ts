// The host of the clients: the npm package in a network namespace of its own, told by its parent
// when to begin and when to end.
import assert from "node:assert/strict";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { type RoomEvent, createClient } from "roomcast";
import { createBackend } from "roomcast/server";
import { tokenOf } from "../../tests/edge/room.ts";

export interface Told {
  url: string;
  clients: number;
  /** Between two publishes of each. */
  everyMs: number;
}

/** What came of it. */
export interface Came {
  events: number;
  /** How long it took after the last was published until everybody had everything. */
  wholeAfterMs: number;
}

const PATIENCE_MS = 120_000;
const room = "far:away";

process.on("disconnect", () => process.exit(1));
const [told] = (await once(process, "message")) as [Told];

const clients = Array.from({ length: told.clients }, (_, i) =>
  createClient({
    url: told.url,
    token: () => tokenOf(`user-${i}`, ["subscribe", "publish"]),
    backoff: { minMs: 100, maxMs: 2_000 },
    publish: { timeoutMs: 600_000, maxQueued: 100_000 },
  }),
);
let gaps = 0;
const rooms = clients.map((client) => client.room(room));
const heard = rooms.map((each) => {
  const events: RoomEvent[] = [];
  each.on((_, event) => events.push(event));
  each.listen({ gap: () => (gaps += 1) });
  return events;
});
await until(() => rooms.every(({ status }) => status === "connected"));
process.send?.("connected");

let isOver = false;
process.once("message", () => (isOver = true));
const sent: Promise<number>[] = [];
const publishing = rooms.map(async (each, i) => {
  for (let n = 0; !isOver; n++) {
    sent.push(each.publish("client", n, { id: `client-${i}-${n}` }));
    await sleep(told.everyMs * 2 * Math.random());
  }
});
const backend = createBackend({
  url: told.url,
  token: () => tokenOf("backend", ["publish"]),
  timeoutMs: 600_000,
});
publishing.push(
  (async () => {
    while (!isOver) {
      const batch = Array.from({ length: 5 }, () => ({ name: "backend", data: "x".repeat(1_000) }));
      sent.push(...(await backend.publishBatch(room, batch)).map((seq) => Promise.resolve(seq)));
      await sleep(told.everyMs);
    }
  })(),
);
await Promise.all(publishing);

const stopped = Date.now();
const seqs = await Promise.all(sent);
await until(() => heard.every((events) => events.length >= seqs.length));
const wholeAfterMs = Date.now() - stopped;

assert.equal(gaps, 0, "nothing was lost, so there was no gap");
assert.deepEqual(
  seqs.sort((a, b) => a - b),
  seqs.map((_, i) => i + 1),
  "each publish counts once",
);
const [first = []] = heard;
assert.equal(new Set(first.map(({ id }) => id)).size, seqs.length);
for (const events of heard) {
  assert.equal(events.length, seqs.length);
  events.forEach(({ seq, id }, i) => assert.deepEqual([seq, id], [i + 1, first[i]?.id]));
}
process.send?.({ events: seqs.length, wholeAfterMs } satisfies Came, () => process.exit());

async function until(is: () => boolean): Promise<void> {
  for (const end = Date.now() + PATIENCE_MS; !is(); await sleep(20)) {
    const at = heard.map((events) => events.length);
    assert(Date.now() < end, `${rooms.map(({ status }) => status)} with ${at} events`);
  }
}
