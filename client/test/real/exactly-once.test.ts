/**
 * Publishes 10,000 events in a room with 20 clients, over a network with at least 200 cuts. Half of
 * the clients use `sockets: "shared"`, and half use `sockets: "room"`.
 */
import assert from "node:assert/strict";
import { afterEach, beforeEach, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient, type Client, type Room, type RoomEvent } from "../../src/index.ts";
import { createBackend, type Backend } from "../../src/server.ts";
import { Proxy } from "./proxy.ts";
import { startRuntime, type Runtime } from "./runtime.ts";

const CLIENTS = 20;
const CUTS = 200;
const FROM_EACH_CLIENT = 40;
const BATCHES = 200;
const BATCH = 46;
const EVENTS = CLIENTS * FROM_EACH_CLIENT + BATCHES * BATCH; // 10,000
const PUBLISHING_MS = 15_000;
/** Time limit of the test. */
const TIMEOUT_MS = 180_000;

let runtime: Runtime;
let proxy: Proxy;
let clients: Client[];
let rooms: Room[];
let received: RoomEvent[][];
let gaps: number;
let name: string;

beforeEach(async () => {
  runtime = await startRuntime();
  proxy = new Proxy(() => runtime.url);
  const url = await proxy.start();
  name = `test:${crypto.randomUUID()}`;
  clients = Array.from({ length: CLIENTS }, (_, n) =>
    createClient({
      url,
      token: () => runtime.token(`user-${n}`, ["subscribe", "publish"], 30_000),
      backoff: { minMs: 100, maxMs: 1_000 },
      publish: { timeoutMs: TIMEOUT_MS },
      sockets: n % 2 === 0 ? "shared" : "room",
    }),
  );
  rooms = clients.map((client) => client.room(name));
  gaps = 0;
  received = rooms.map((room) => {
    const events: RoomEvent[] = [];
    room.on((_, event) => events.push(event));
    room.listen({ gap: () => gaps++, state() {} });
    return events;
  });
  await until(() => rooms.every((room) => room.status === "connected"));
});

afterEach(async () => {
  for (const client of clients) client.close();
  await proxy.stop();
  await runtime.stop();
});

async function until(done: () => boolean): Promise<void> {
  for (const end = Date.now() + TIMEOUT_MS; !done() && Date.now() < end;) await sleep(20);
}

async function publishFromClient(room: Room, client: number): Promise<unknown> {
  const sent: Promise<number>[] = [];
  for (let n = 0; n < FROM_EACH_CLIENT; n++) {
    await sleep((PUBLISHING_MS / FROM_EACH_CLIENT) * 2 * Math.random());
    sent.push(room.publish("client", n, { id: `client-${client}-${n}` }));
  }
  return Promise.all(sent);
}

async function publishFromBackend(backend: Backend): Promise<void> {
  for (let n = 0; n < BATCHES; n++) {
    await sleep(PUBLISHING_MS / BATCHES);
    const batch = Array.from({ length: BATCH }, (_, i) => ({
      name: "backend",
      data: `${n}`.padStart(120, "-"),
      id: `backend-${n}-${i}`,
      key: `key-${i}`,
    }));
    await backend.publishBatch(name, batch);
  }
}

/**
 * Cuts, freezes and delays connections until the signal is aborted and the number of cuts is at
 * least `CUTS`. Returns the number of cuts.
 */
async function injectFaults(signal: AbortSignal): Promise<number> {
  let cuts = 0;
  for (let n = 0; !signal.aborted || cuts < CUTS; n++) {
    await sleep(Math.random() * 100);
    proxy.delayMs = Math.random() < 0.5 ? 0 : 60;
    // Chooses among all clients, including disconnected clients. Otherwise, while only a few
    // clients are connected, these clients would receive all faults.
    const link = [...proxy.links][Math.floor(Math.random() * CLIENTS)];
    if (link === undefined) continue;
    // The test injects these faults rarely, because a client takes long to detect them. A detection
    // takes a ping period, or the time limit for opening a socket.
    if (n % 50 === 20) link.freeze();
    else if (n % 50 === 45) link.halfOpen();
    else {
      link.cut();
      cuts++;
    }
  }
  return cuts;
}

async function run(meanwhile: () => Promise<void>): Promise<void> {
  const backend = createBackend({
    url: runtime.url,
    fetch: (input, init) => fetch(new URL(pathOf(input), runtime.url), init),
    token: () => runtime.token("backend", ["publish"], 60_000),
    timeoutMs: TIMEOUT_MS,
  });
  const stop = new AbortController();
  const injecting = injectFaults(stop.signal);
  await Promise.all([
    publishFromBackend(backend),
    ...rooms.map((room, n) => publishFromClient(room, n)),
    meanwhile(),
  ]);
  stop.abort();
  const cuts = await injecting;
  await until(() => received.every((events) => events.length >= EVENTS));
  check(cuts);
}

/** Returns only the path, because the runtime's port may change at a restart. */
const pathOf = (input: string | URL | Request): string => {
  const { pathname, search } = new URL(String(input));
  return pathname + search;
};

function check(cuts: number): void {
  assert.ok(cuts >= CUTS, `${cuts} cuts`);
  assert.equal(gaps, 0);
  received.forEach((events, client) => {
    // `deepEqual` is not used, because it would spend minutes on the diff.
    const wrong = events.findIndex(({ seq, id }, n) => seq !== n + 1 || id !== received[0]![n]!.id);
    assert.equal(
      wrong,
      -1,
      `client ${client} received seq ${events[wrong]?.seq} as number ${wrong}`,
    );
    assert.equal(events.length, EVENTS, `client ${client}`);
  });
  assert.equal(
    new Set(received[0]!.map(({ id }) => id)).size,
    EVENTS,
    "each publish is stored once",
  );
  for (const room of rooms) assert.equal(room.state!.size, BATCH);
  const { accepted } = proxy;
  console.log(`${EVENTS} events, ${CLIENTS} clients, ${cuts} cuts, ${accepted} connections`);
}

it("each handler receives each event exactly once in order", () => run(async () => {}));

it("each handler receives each event exactly once in order when the runtime is killed and restarted", () =>
  run(async () => {
    for (let n = 0; n < 3; n++) {
      await sleep(PUBLISHING_MS / 4);
      await runtime.restart();
    }
  }));
