/** Rooms behind proxies that let no WebSocket through, or no stream either. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { createClient, type Client, type Room, type RoomEvent } from "../../src/index.ts";
import { createBackend, type Backend } from "../../src/server.ts";
import { Middlebox, type Upgrades } from "./middlebox.ts";
import type { Runtime } from "./runtime.ts";

const runs = process.env.ROOMCAST_RUNTIME === "workerd";
const onWorkerd = { skip: !runs && "the model knows WebSockets alone" };

/** Stands in for the page, of which Node has none. */
const page = new EventTarget();
Object.assign(globalThis, {
  addEventListener: page.addEventListener.bind(page),
  removeEventListener: page.removeEventListener.bind(page),
});

let runtime: Runtime;
let box: Middlebox;
let url: URL;
let client: Client;
let backend: Backend;
let room: Room;
let heard: RoomEvent[];
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
    timeoutMs: 60_000,
  });
});

afterEach(async () => {
  client.close();
  await box.stop();
  await runtime.stop();
});

function follow(sockets: "shared" | "room"): void {
  client = createClient({
    url,
    token: () => runtime.token("alice", ["subscribe", "publish", "presence"], 3_600_000),
    backoff: { minMs: 100, maxMs: 500 },
    sockets,
  });
  room = client.room("test:room");
  heard = [];
  gaps = 0;
  acks = new Map();
  room.on((_, event) => heard.push(event));
  room.listen({ gap: () => gaps++ });
}

/** Resolves when it is so, after whatever the room tells of. */
const comesTo = (isSo: () => boolean): Promise<void> =>
  new Promise((resolve) => {
    const check = (): void => {
      if (!isSo()) return;
      stop();
      resolve();
    };
    const stop = room.subscribe(check);
    queueMicrotask(check);
  });

const connectsBy = (transport: string): Promise<void> =>
  comesTo(() => room.status === "connected" && room.transport === transport);

let published = 0;

/** Both of them publish; what is given happens in the middle of it. */
async function exchange(meanwhile: () => unknown): Promise<void> {
  const before = heard.length;
  const publishes = async (): Promise<void> => {
    const id = `client-${++published}`;
    acks.set(id, await room.publish("client", published, { id }));
  };
  const both = (): Promise<unknown>[] => [
    ...Array.from({ length: 20 }, publishes),
    backend.publishBatch(room.name, [
      { name: "backend", data: "Grüße 🌍".repeat(100), key: "greeting" },
      { name: "backend", data: null, key: "greeting" },
    ]),
  ];
  const first = both();
  await meanwhile();
  await Promise.all([...first, ...both()]);
  await comesTo(() => heard.length >= before + 44);
}

function assertExact(): void {
  assert.equal(gaps, 0);
  assert.deepEqual(
    heard.map(({ seq }) => seq),
    heard.map((_, n) => n + 1),
  );
  const seqs = new Map(heard.map(({ id, seq }) => [id, seq]));
  for (const [id, seq] of acks) assert.equal(seqs.get(id), seq, id);
  const own = heard.filter(({ name }) => name === "client");
  assert.equal(own.length, acks.size, "each publish counts once");
}

for (const sockets of ["shared", "room"] as const) {
  describe(
    `behind a proxy that lets no WebSocket through (sockets: "${sockets}")`,
    onWorkerd,
    () => {
      for (const upgrades of [400, 426, "hang up"] satisfies Upgrades[]) {
        it(`but says ${upgrades}: a stream, and the WebSocket again when it may`, async () => {
          box.upgrades = upgrades;
          follow(sockets);
          await connectsBy("sse");
          await exchange(() => {});
          await exchange(() => box.cut());
          await exchange(() => runtime.restart());
          box.upgrades = "pass";
          page.dispatchEvent(new Event("online"));
          await exchange(() => connectsBy("websocket"));
          assertExact();
        });
      }

      it("and no stream either: long-polling, and better again when it may", async () => {
        box.upgrades = 426;
        box.buffering = true;
        follow(sockets);
        await connectsBy("long-polling");
        await exchange(() => {});
        await exchange(() => box.cut());
        await exchange(() => runtime.restart());
        box.buffering = false;
        page.dispatchEvent(new Event("online"));
        await exchange(() => connectsBy("sse"));
        box.upgrades = "pass";
        page.dispatchEvent(new Event("online"));
        await exchange(() => connectsBy("websocket"));
        assertExact();
      });
    },
  );
}

describe("without a network", onWorkerd, () => {
  it("stays with the WebSocket", async () => {
    follow("shared");
    await connectsBy("websocket");
    await box.stop();
    let changes = 0;
    await comesTo(() => room.status === "reconnecting" && changes++ > 6);
    assert.equal(room.transport, "websocket");
  });
});
