// Runs readers and one publisher in each given room, in a separate process. Measures the latency of
// events during a flood or an attack, and asserts that no event is missing.
import assert from "node:assert/strict";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { dial } from "../../tests/edge/client.ts";
import { tokenOf } from "../../tests/edge/room.ts";

export interface Latency {
  p50: number;
  p99: number;
}

/** Latencies by room. */
export type Latencies = Record<string, Latency>;

const EVERY_MS = 50;
const TIMEOUT_MS = 60_000;

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
for (const room of rooms) for (let i = 0; i < Number(readers); i++) await read(room, i);
for (const room of rooms) void publish(room);
process.send?.("ready");

// Each message of the parent process requests the latencies since the previous message. The answer
// is sent when all readers are up to date.
for (;;) {
  await once(process, "message");
  const latencies: Latencies = {};
  for (const { name, head, seqs, tookMs } of rooms) {
    for (const until = Date.now() + TIMEOUT_MS; seqs.some((seq) => seq < head); await sleep(5))
      assert(Date.now() < until, `${name}: the readers are at ${seqs} of ${head}`);
    latencies[name] = summary(tookMs.splice(0));
  }
  process.send?.(latencies);
}

async function read(room: Room, i: number): Promise<void> {
  const socket = dial(room.url, { token });
  await once(socket, "open");
  socket.on("close", (code) => assert.fail(`a bystander was closed with ${code}`));
  socket.on("message", (text) => {
    const frame = JSON.parse(String(text));
    if (frame.type !== "events") return;
    assert.equal(frame.prev, room.seqs[i], "no gap and no repeat");
    for (const { seq, name, data } of frame.events) {
      room.seqs[i] = seq;
      if (name === "bystander") room.tookMs.push(performance.now() - data);
    }
  });
  const pinging = setInterval(() => socket.send('{"type":"ping"}'), 20_000);
  pinging.unref();
}

async function publish(room: Room): Promise<void> {
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
