/**
 * Tests of rooms behind proxies that block WebSockets. Some of these proxies block streams as well.
 */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { createClient, type Client, type Room, type RoomEvent } from "../../src/index.ts";
import { createBackend, type Backend } from "../../src/server.ts";
import { Middlebox, type Upgrades } from "./middlebox.ts";
import type { Runtime } from "./runtime.ts";

const runs = process.env.ROOMCAST_RUNTIME === "workerd";
const onWorkerd = { skip: !runs && "the model supports only WebSockets" };

/** Replaces the page's event target, which Node does not have. */
const page = new EventTarget();
Object.assign(globalThis, {
  addEventListener: page.addEventListener.bind(page),
  removeEventListener: page.removeEventListener.bind(page),
});

type Sockets = "shared" | "room";

/** Time limit that is sufficient for a loaded machine. A passing test never reaches this limit. */
const TIMEOUT_MS = 180_000;

let runtime: Runtime;
let box: Middlebox;
let url: URL;
let client: Client;
let backend: Backend;
let room: Room;
let received: RoomEvent[];
let gaps: number;
let acks: Map<string, number>;

beforeEach(async () => {
  const { startWorkerd } = await import("./workerd.ts");
  runtime = await startWorkerd();
  box = new Middlebox(() => runtime.url);
  url = await box.start();
  backend = createBackend({
    url: runtime.url,
    token: () => runtime.token("backend", ["publish"], 3_600_000),
    timeoutMs: TIMEOUT_MS,
  });
});

afterEach(async () => {
  client.close();
  await box.stop();
  await runtime.stop();
});

const tokenOf = (user: string): string | Promise<string> =>
  runtime.token(user, ["subscribe", "publish", "presence"], 3_600_000);

const clientOf = (user: string, url: URL, sockets: Sockets, token = () => tokenOf(user)): Client =>
  createClient({
    url,
    token,
    backoff: { minMs: 100, maxMs: 500 },
    publish: { timeoutMs: TIMEOUT_MS },
    sockets,
  });

function follow(sockets: Sockets): void {
  client = clientOf("alice", url, sockets);
  room = client.room("test:room");
  received = [];
  gaps = 0;
  acks = new Map();
  room.on((_, event) => received.push(event));
  room.listen({ gap: () => gaps++ });
}

/** Resolves when the condition is met. Checks the condition at each notification. */
const until = (
  subscribe: (watcher: () => void) => () => void,
  condition: () => boolean,
): Promise<void> =>
  new Promise((resolve) => {
    const check = (): void => {
      if (!condition()) return;
      stop();
      resolve();
    };
    const stop = subscribe(check);
    queueMicrotask(check);
  });

const waitUntil = (condition: () => boolean): Promise<void> => until(room.subscribe, condition);

/**
 * Reports network changes until the transport is used. Each report starts a probe immediately.
 * Without these reports, a test would wait five minutes for the next probe.
 */
async function waitForSwitch(transport: string): Promise<void> {
  const interval = setInterval(() => page.dispatchEvent(new Event("online")), 200);
  await waitForTransport(transport);
  clearInterval(interval);
}

const waitForTransport = (transport: string): Promise<void> =>
  waitUntil(() => room.status === "connected" && room.transport === transport);

let published = 0;

/** Publishes from the client and from the backend. `meanwhile` runs between the two batches. */
async function exchange(meanwhile: () => unknown): Promise<void> {
  const before = received.length;
  const publishOne = async (): Promise<void> => {
    const id = `client-${++published}`;
    acks.set(id, await room.publish("client", published, { id }));
  };
  const both = (): Promise<unknown>[] => [
    ...Array.from({ length: 20 }, publishOne),
    backend.publishBatch(room.name, [
      { name: "backend", data: "Grüße 🌍".repeat(100), key: "greeting" },
      { name: "backend", data: null, key: "greeting" },
    ]),
  ];
  const first = both();
  await meanwhile();
  await Promise.all([...first, ...both()]);
  await waitUntil(() => received.length >= before + 44);
}

function assertExact(): void {
  assert.equal(gaps, 0);
  assert.deepEqual(
    received.map(({ seq }) => seq),
    received.map((_, n) => n + 1),
  );
  const seqs = new Map(received.map(({ id, seq }) => [id, seq]));
  for (const [id, seq] of acks) assert.equal(seqs.get(id), seq, id);
  const own = received.filter(({ name }) => name === "client");
  assert.equal(own.length, acks.size, "each publish is stored once");
}

for (const sockets of ["shared", "room"] as const) {
  describe(`behind a proxy that blocks WebSockets (sockets: "${sockets}")`, onWorkerd, () => {
    for (const upgrades of [400, 426, "close"] satisfies Upgrades[]) {
      it(`with ${upgrades}: uses a stream, and the WebSocket again when it is allowed`, async () => {
        box.upgrades = upgrades;
        follow(sockets);
        await waitForTransport("sse");
        await exchange(() => {});
        await exchange(() => box.cut());
        await exchange(() => runtime.restart());
        box.upgrades = "pass";
        await exchange(() => waitForSwitch("websocket"));
        assertExact();
      });
    }

    it("with a rejected token: is unauthorized", async () => {
      box.upgrades = "close";
      let tokens = 0;
      client = clientOf("alice", url, sockets, () => `${++tokens}.no.token`);
      room = client.room("test:room");
      await waitUntil(() => room.status === "unauthorized");
      assert.deepEqual([room.transport, tokens], ["sse", 2]);
    });

    it("and streams: uses long-polling, and better transports again when they are allowed", async () => {
      box.upgrades = 426;
      box.buffering = true;
      follow(sockets);
      await waitForTransport("long-polling");
      await exchange(() => {});
      await exchange(() => box.cut());
      await exchange(() => runtime.restart());
      box.buffering = false;
      await exchange(() => waitForSwitch("sse"));
      box.upgrades = "pass";
      await exchange(() => waitForSwitch("websocket"));
      assertExact();
    });
  });
}

describe("presence and signals", onWorkerd, () => {
  let others: Client;
  let bob: Room;
  /** Users that bob has seen as members. */
  let membersSeen: Set<string>;

  beforeEach(async () => {
    others = clientOf("bob", runtime.url, "shared");
    bob = others.room("test:room");
    bob.presence.enter({ at: "office" });
    membersSeen = new Set();
  });
  afterEach(() => others.close());

  const usersOf = ({ presence }: Room): string | undefined =>
    presence.members?.map(({ user }) => user).join();

  /**
   * Sends signals as bob until alice receives one, because a signal reaches only connected
   * sessions.
   */
  async function waitForSignal(): Promise<void> {
    const receivedOne = new Promise<void>((resolve) => room.onSignal("wave", () => resolve()));
    const waving = setInterval(() => bob.signal("wave", 1), 100);
    await receivedOne;
    clearInterval(waving);
  }

  it("continue over a stream, and across the switch", async () => {
    box.upgrades = 426;
    follow("shared");
    room.presence.enter({ at: "desk" });
    await until(room.presence.subscribe, () => usersOf(room) === "alice,bob");
    assert.equal(room.transport, "sse");
    await until(bob.presence.subscribe, () => usersOf(bob) === "alice,bob");
    bob.presence.subscribe(() => membersSeen.add(usersOf(bob) ?? "unknown"));
    await waitForSignal();
    const wave = new Promise((resolve) => bob.onSignal("back", resolve));
    room.signal("back", { to: "you" });
    assert.deepEqual(await wave, { to: "you" });

    room.presence.update({ at: "door" });
    await until(bob.presence.subscribe, () => dataOf("alice").some(({ at }) => at === "door"));

    box.upgrades = "pass";
    await waitForSwitch("websocket");
    await waitForSignal();
    await until(bob.presence.subscribe, () => dataOf("alice").length === 1);
    assert.deepEqual(dataOf("alice"), [{ at: "door" }]);
    assert.deepEqual([...membersSeen], ["alice,bob"], "alice never left");
  });

  const dataOf = (user: string): { at: string }[] =>
    bob.presence
      .members!.filter((member) => member.user === user)
      .flatMap(({ sessions }) => sessions.map(({ data }) => data));

  it("over long-polling: members can be read", async () => {
    box.upgrades = 426;
    box.buffering = true;
    follow("shared");
    await waitForTransport("long-polling");
    room.presence.enter();
    await until(room.presence.subscribe, () => usersOf(room) === "bob");
    const wave = new Promise((resolve) => bob.onSignal("wave", resolve));
    room.signal("wave", 1);
    assert.equal(await wave, 1);
  });
});

describe("without a network", onWorkerd, () => {
  it("stays with the WebSocket", async () => {
    follow("shared");
    await waitForTransport("websocket");
    await box.stop();
    let changes = 0;
    await waitUntil(() => room.status === "reconnecting" && changes++ > 6);
    assert.equal(room.transport, "websocket");
  });
});
