// Those who have nothing to do with the flood, in a process of their own: readers and a publisher in
// the flooded room and in another. They measure how long an event takes, and miss nothing.
import assert from "node:assert/strict";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { dial } from "../../tests/edge/client.ts";
import { tokenOf } from "../../tests/edge/room.ts";

export interface Latency {
  p50: number;
  p99: number;
}

/** By room. */
export type Latencies = Record<string, Latency>;

const EVERY_MS = 50;
const PATIENCE_MS = 60_000;

interface Room {
  name: string;
  url: string;
  head: number;
  seqs: number[];
  tookMs: number[];
}

process.on("disconnect", () => process.exit(1));
const [url = "", readers, ...names] = process.argv.slice(2);
const token = tokenOf("bystander", ["subscribe", "publish"]);
const rooms: Room[] = names.map((name) => ({
  name,
  url: `${url}/rooms/${name}/events`,
  head: 0,
  seqs: Array(Number(readers)).fill(0),
  tookMs: [],
}));
for (const room of rooms) for (let i = 0; i < Number(readers); i++) await reads(room, i);
for (const room of rooms) void publishes(room);
process.send?.("ready");

/** Each time it is asked: what they have measured since the last time, all of them up to date. */
for (;;) {
  await once(process, "message");
  const latencies: Latencies = {};
  for (const { name, head, seqs, tookMs } of rooms) {
    for (const until = Date.now() + PATIENCE_MS; seqs.some((seq) => seq < head); await sleep(5))
      assert(Date.now() < until, `${name}: they are at ${seqs} of ${head}`);
    latencies[name] = summary(tookMs.splice(0));
  }
  process.send?.(latencies);
}

async function reads(room: Room, i: number): Promise<void> {
  const socket = dial(room.url, { token });
  await once(socket, "open");
  socket.on("close", (code) => assert.fail(`a bystander was closed with ${code}`));
  socket.on("message", (text) => {
    const frame = JSON.parse(String(text));
    if (frame.type !== "events") return;
    assert.equal(frame.prev, room.seqs[i], "no hole, and nothing twice");
    for (const { seq, name, data } of frame.events) {
      room.seqs[i] = seq;
      if (name === "bystander") room.tookMs.push(performance.now() - data);
    }
  });
  const pinging = setInterval(() => socket.send('{"type":"ping"}'), 20_000);
  pinging.unref();
}

async function publishes(room: Room): Promise<void> {
  const headers = { authorization: `Bearer ${token}` };
  for (;;) {
    const body = JSON.stringify({ name: "bystander", data: performance.now() });
    const answer = await fetch(room.url, { method: "POST", headers, body });
    const { seqs } = (await answer.json()) as { seqs: [number] };
    assert.equal(answer.status, 201);
    room.head = Math.max(room.head, seqs[0]);
    await sleep(EVERY_MS);
  }
}

function summary(tookMs: number[]): Latency {
  const sorted = tookMs.sort((a, b) => a - b);
  const at = (fraction: number): number => sorted[Math.floor(fraction * (sorted.length - 1))] ?? 0;
  return { p50: at(0.5), p99: at(0.99) };
}
