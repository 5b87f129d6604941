/** Runs two clients in a room while the network is cut and the server is killed. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, it } from "node:test";
import { createClient, type Client, type Room } from "../../src/index.ts";
import { WINDOW_MS } from "../../src/limits.ts";
import { Proxy } from "./proxy.ts";
import { startRuntime, type Runtime } from "./runtime.ts";

const USERS = ["alice", "bob"];
const TIME_LIMIT = { timeout: 300_000 };

let runtime: Runtime;
let proxies: Proxy[];
let clients: Client[];
let name: string;

beforeEach(async () => {
  runtime = await startRuntime();
  proxies = USERS.map(() => new Proxy(() => runtime.url));
  name = `test:${crypto.randomUUID()}`;
  clients = [];
});

afterEach(async () => {
  for (const client of clients) client.close();
  for (const proxy of proxies) await proxy.stop();
  await runtime.stop();
});

async function roomOf(n: number, sockets: "shared" | "room"): Promise<Room> {
  const client = createClient({
    url: await proxies[n]!.start(),
    token: () => runtime.token(USERS[n]!, ["subscribe", "publish", "presence"], 60_000),
    backoff: { minMs: 100, maxMs: 1_000 },
    sockets,
  });
  clients.push(client);
  return client.room(name);
}

const membersOf = ({ presence }: Room): string =>
  presence.members?.map(({ user, sessions }) => `${user}=${sessions[0]!.data}`).join(" ") ??
  "unknown";

/** Resolves when the list of members equals `wanted`. */
function waitForMembers(room: Room, wanted: string): Promise<void> {
  return new Promise((resolve) => {
    const check = (): void => {
      if (membersOf(room) === wanted) resolve();
    };
    room.presence.subscribe(check);
    check();
  });
}

for (const sockets of ["shared", "room"] as const) {
  it(
    `members are shown correctly through all faults (sockets: "${sockets}")`,
    TIME_LIMIT,
    async () => {
      const alice = await roomOf(0, sockets);
      const bob = await roomOf(1, sockets);
      const both = (list: string): Promise<unknown> =>
        Promise.all([alice, bob].map((room) => waitForMembers(room, list)));

      alice.presence.enter(1);
      bob.presence.enter(1);
      await both("alice=1 bob=1");

      // Simulates a cursor that moves 200 times a second.
      const cursor: number[] = [];
      const arrived = new Promise<void>((resolve) =>
        bob.onSignal("cursor", (x) => (cursor.push(x), x === 100 && resolve())),
      );
      const startedAt = Date.now();
      for (let x = 1; x <= 100; x++) {
        alice.signal("cursor", x);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      await arrived;
      const windows = (Date.now() - startedAt) / WINDOW_MS;
      assert.ok(cursor.length <= windows + 2, `${cursor.length} of 100 in ${windows} windows`);
      assert.equal(cursor[0], 1);

      const entries = new Set<string>();
      for (const room of [alice, bob]) room.presence.subscribe(() => entries.add(membersOf(room)));
      for (const [n, room] of [alice, bob].entries()) {
        const back = reconnected(room);
        for (const link of proxies[n]!.links) link.cut();
        room.presence.update(2 + n);
        await back;
        await both(`alice=2 bob=${1 + 2 * n}`);
      }
      const back = reconnected(alice);
      clients[0]!.reconnect();
      alice.presence.update(5);
      await back;
      await both("alice=5 bob=3");
      assert.deepEqual(
        [...entries].filter((list) => !/^alice=\d bob=\d$/.test(list)),
        [],
        "no flicker",
      );

      await runtime.restart();
      alice.presence.update(4);
      await both("alice=4 bob=3");
      assert.equal(await bob.presence.count(), 2);

      alice.presence.leave();
      await waitForMembers(bob, "bob=3");
    },
  );
}

/** Resolves when the room has lost its connection and is connected again. */
function reconnected(room: Room): Promise<void> {
  let lost = false;
  return new Promise((resolve) => {
    const stop = room.subscribe(() => {
      lost ||= room.status === "reconnecting";
      if (!lost || room.status !== "connected") return;
      stop();
      resolve();
    });
  });
}
