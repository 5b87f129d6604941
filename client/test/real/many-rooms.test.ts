/**
 * Runs one client in 100 rooms over one socket. Some faults cut the socket, freeze it or make it
 * half-open, and other faults kill the runtime.
 */
import assert from "node:assert/strict";
import { afterEach, beforeEach, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient, type Client, type Room, type RoomEvent } from "../../src/index.ts";
import { createBackend } from "../../src/server.ts";
import { Proxy } from "./proxy.ts";
import { startRuntime, type Runtime } from "./runtime.ts";

const ROOMS = 100;
/** Number of rooms that are joined and left repeatedly. */
const VISITED = 10;
const BATCHES = 4;
const BATCH = 6;
const OWN = 4;
const EVENTS = BATCHES * BATCH + OWN;
/** Faults of the socket, in this order. Killing the runtime also breaks the socket. */
const FAULTS = ["cut", "cut", "freeze", "cut", "kill", "cut", "halfOpen", "kill"] as const;
/**
 * Interval of the `online` events. The interval is longer than the client's wait for a pong,
 * because each event restarts this wait.
 */
const ONLINE_EVERY_MS = 2_500;
/** Time limit of the test. */
const TIMEOUT_MS = 120_000;

/** Node has no page. This event target reports to the client that the network is back. */
const page = new EventTarget();

let runtime: Runtime;
let proxy: Proxy;
let client: Client;

beforeEach(async () => {
  Object.assign(globalThis, {
    addEventListener: page.addEventListener.bind(page),
    removeEventListener: page.removeEventListener.bind(page),
  });
  runtime = await startRuntime();
  proxy = new Proxy(() => runtime.url);
  client = createClient({
    url: await proxy.start(),
    token: () => runtime.token("alice", ["subscribe", "publish"], 60_000),
    backoff: { minMs: 100, maxMs: 1_000 },
    publish: { timeoutMs: TIMEOUT_MS },
    fetch: fetchDirectly,
  });
});

afterEach(async () => {
  client.close();
  await proxy.stop();
  await runtime.stop();
});

/** HTTP requests bypass the proxy, so that the proxy counts only sockets. */
const fetchDirectly: typeof fetch = (input, init) => {
  const { pathname, search } = new URL(String(input));
  return fetch(new URL(pathname + search, runtime.url), init);
};

async function until(done: () => boolean, what: string): Promise<void> {
  for (const end = Date.now() + TIMEOUT_MS; !done();) {
    assert.ok(Date.now() < end, `${what} in ${TIMEOUT_MS} ms`);
    await sleep(20);
  }
}

const seqsOf = (events: readonly RoomEvent[]): number[] => events.map(({ seq }) => seq);
const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n + 1);

/** Joins a room from time to time. Each visit must receive events without a gap. */
async function visit(room: Room, signal: AbortSignal): Promise<void> {
  const pause = (ms: number): Promise<void> =>
    sleep(Math.random() * ms, undefined, { signal }).catch(() => {});
  while (!signal.aborted) {
    const received: RoomEvent[] = [];
    const stop = room.on((_, event) => received.push(event));
    await pause(2_000);
    stop();
    const [first = 0] = seqsOf(received);
    assert.deepEqual(
      seqsOf(received),
      upTo(received.length).map((n) => n + first - 1),
      room.name,
    );
    // The pause is sometimes longer and sometimes shorter than the grace period.
    await pause(4_500);
  }
}

async function injectFaults(rooms: Room[]): Promise<void> {
  const allConnected = (): boolean => rooms.every(({ status }) => status === "connected");
  // A frame that was received just before a link froze counts as a pong, and so hides the fault.
  // The event is repeated for this reason.
  const online = setInterval(() => page.dispatchEvent(new Event("online")), ONLINE_EVERY_MS);
  online.unref();
  for (const [n, fault] of FAULTS.entries()) {
    proxy.delayMs = n % 2 === 0 ? 0 : 60;
    // Every second fault occurs while the rooms are still being joined.
    if (n % 2 === 0) await until(allConnected, "all rooms");
    else await until(() => rooms.some(({ status }) => status === "connected"), "some rooms");
    if (fault === "kill") await runtime.restart();
    else [...proxy.links].at(-1)![fault]();
    await until(() => !allConnected(), "a break");
  }
  await until(allConnected, "all rooms");
  clearInterval(online);
}

it("each room's handlers receive each event exactly once in order", async () => {
  const prefix = `test:${crypto.randomUUID()}`;
  const rooms = Array.from({ length: ROOMS }, (_, n) => client.room(`${prefix}:${n}`));
  const staying = rooms.slice(VISITED);
  const received = staying.map((room) => {
    const events: RoomEvent[] = [];
    room.on((_, event) => events.push(event));
    return events;
  });
  const gaps: string[] = [];
  for (const room of staying) room.listen({ gap: () => gaps.push(room.name) });
  const stops = rooms.slice(0, VISITED).map((room) => room.on(() => {}));
  await until(() => rooms.every(({ status }) => status === "connected"), "all rooms");
  assert.equal(proxy.accepted, 1, "a hundred rooms, one socket");
  for (const stop of stops) stop();

  const backend = createBackend({
    url: runtime.url,
    token: () => runtime.token("backend", ["publish"], 60_000),
    timeoutMs: TIMEOUT_MS,
    fetch: fetchDirectly,
  });
  const publish = async (room: Room): Promise<void> => {
    const own: Promise<number>[] = [];
    for (let n = 0; n < BATCHES; n++) {
      await sleep(Math.random() * 2_000);
      if (n < OWN) own.push(room.publish("own", n, { id: `own-${n}` }));
      const batch = Array.from({ length: BATCH }, (_, i) => ({
        name: "a",
        data: i,
        id: `${n}-${i}`,
      }));
      await backend.publishBatch(room.name, batch);
    }
    await Promise.all(own);
  };

  const stop = new AbortController();
  const visits = rooms.slice(0, VISITED).map((room) => visit(room, stop.signal));
  await Promise.all([injectFaults(staying), ...rooms.map(publish)]);
  stop.abort();
  await Promise.all(visits);
  await until(() => received.every(({ length }) => length >= EVENTS), "all events");

  assert.deepEqual(gaps, []);
  received.forEach((events, n) => {
    assert.deepEqual(seqsOf(events), upTo(EVENTS), staying[n]!.name);
    assert.equal(new Set(events.map(({ id }) => id)).size, EVENTS, "each publish is stored once");
  });
  const allConnected = (): boolean => staying.every(({ status }) => status === "connected");
  await until(() => proxy.links.size === 1 && allConnected(), "one socket");
  console.log(`${EVENTS} events in each of ${ROOMS} rooms, ${proxy.accepted} sockets in turn`);
});
