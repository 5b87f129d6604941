// Runs clients of the npm package in the network namespace of the clients' host. The first message
// of the parent process contains the options. The second message stops the clients.
import assert from "node:assert/strict";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { type RoomEvent, createClient } from "roomcast";
import { createBackend } from "roomcast/server";
import { tokenOf } from "../../tests/edge/room.ts";

export interface ClientOptions {
  url: string;
  clients: number;
  /** Mean time between two publishes of a client, in ms. */
  everyMs: number;
}

export interface ClientResult {
  events: number;
  /** Time in ms from the end of publishing until every client had received every event. */
  completeAfterMs: number;
}

const TIMEOUT_MS = 120_000;
const room = "far:away";

process.on("disconnect", () => process.exit(1));
const [options] = (await once(process, "message")) as [ClientOptions];

const clients = Array.from({ length: options.clients }, (_, i) =>
  createClient({
    url: options.url,
    token: () => tokenOf(`user-${i}`, ["subscribe", "publish"]),
    backoff: { minMs: 100, maxMs: 2_000 },
    publish: { timeoutMs: 600_000, maxQueued: 100_000 },
  }),
);
let gaps = 0;
const rooms = clients.map((client) => client.room(room));
const received = rooms.map((each) => {
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
    await sleep(options.everyMs * 2 * Math.random());
  }
});
const backend = createBackend({
  url: options.url,
  token: () => tokenOf("backend", ["publish"]),
  timeoutMs: 600_000,
});
publishing.push(
  (async () => {
    while (!isOver) {
      const batch = Array.from({ length: 5 }, () => ({ name: "backend", data: "x".repeat(1_000) }));
      sent.push(...(await backend.publishBatch(room, batch)).map((seq) => Promise.resolve(seq)));
      await sleep(options.everyMs);
    }
  })(),
);
await Promise.all(publishing);

const stoppedAt = Date.now();
const seqs = await Promise.all(sent);
await until(() => received.every((events) => events.length >= seqs.length));
const completeAfterMs = Date.now() - stoppedAt;

assert.equal(gaps, 0, "no event was lost, so there was no gap");
assert.deepEqual(
  seqs.sort((a, b) => a - b),
  seqs.map((_, i) => i + 1),
  "each publish counts once",
);
const [first = []] = received;
assert.equal(new Set(first.map(({ id }) => id)).size, seqs.length);
for (const events of received) {
  assert.equal(events.length, seqs.length);
  events.forEach(({ seq, id }, i) => assert.deepEqual([seq, id], [i + 1, first[i]?.id]));
}
const result: ClientResult = { events: seqs.length, completeAfterMs };
process.send?.(result, () => process.exit());

async function until(isDone: () => boolean): Promise<void> {
  for (const end = Date.now() + TIMEOUT_MS; !isDone(); await sleep(20)) {
    const counts = received.map((events) => events.length);
    assert(Date.now() < end, `${rooms.map(({ status }) => status)} with ${counts} events`);
  }
}
