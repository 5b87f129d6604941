/** Tests of a client without a token in public rooms, over each transport. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import {
  createClient,
  RoomcastError,
  type Client,
  type ClientOptions,
  type Room,
} from "../../src/index.ts";
import { createBackend, type Backend } from "../../src/server.ts";
import { Middlebox } from "./middlebox.ts";
import type { Runtime } from "./runtime.ts";

const runs = process.env.ROOMCAST_RUNTIME === "workerd";
const onWorkerd = { skip: !runs && "the model has no public rooms" };

let runtime: Runtime;
let box: Middlebox;
let url: URL;
let client: Client;
let backend: Backend;

const tokenOf = (user: string, grants: string[]) => runtime.token(user, grants, 3_600_000);

beforeEach(async () => {
  const { startWorkerd } = await import("./workerd.ts");
  runtime = await startWorkerd({ publicRooms: ["public:*"] });
  box = new Middlebox(() => runtime.url);
  url = await box.start();
  backend = createBackend({ url: runtime.url, token: () => tokenOf("backend", ["publish"]) });
});

afterEach(async () => {
  client.close();
  await box.stop();
  await runtime.stop();
});

const waitFor = (room: Room, condition: () => boolean): Promise<void> =>
  new Promise((resolve) => {
    const stop = room.subscribe(() => condition() && done());
    const done = (): void => {
      stop();
      resolve();
    };
    if (condition()) queueMicrotask(done);
  });

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => "no error",
    (error: unknown) => (error instanceof RoomcastError ? error.code : error),
  );

const transports = {
  websocket: () => {},
  sse: () => (box.upgrades = 426),
  "long-polling": () => {
    box.upgrades = 426;
    box.buffering = true;
  },
};

for (const sockets of ["shared", "room"] as const) {
  for (const [transport, block] of Object.entries(transports)) {
    describe(`without a token, over ${transport} (sockets: "${sockets}")`, onWorkerd, () => {
      const clientWith = (options: Partial<ClientOptions> = {}): Client =>
        createClient({ url, sockets, backoff: { minMs: 100, maxMs: 500 }, ...options });

      beforeEach(block);

      it("a public room is read live, from its history and its state, but not written", async () => {
        client = clientWith();
        const room = client.room("public:scores");
        const received: unknown[] = [];
        room.on((data) => received.push(data));
        await waitFor(room, () => room.status === "connected");
        assert.equal(room.transport, transport);
        await backend.publish(room.name, "goal", 1, { key: "score" });
        await waitFor(room, () => room.state?.get("score")?.data === 1);
        assert.deepEqual(received, [1]);
        const { events } = await room.history({ last: 10 });
        assert.equal(events[0]?.data, 1);
        assert.equal(await room.presence.count(), 0);
        assert.equal(await codeOf(room.publish("goal", 2)), "forbidden");
        if (transport === "websocket") assert.deepEqual(room.grant, ["subscribe"]);
        assert.equal(room.status, "connected");
      });

      it("another room ends, and the public room continues", async () => {
        client = clientWith();
        const [open, shut] = [client.room("public:scores"), client.room("private")];
        shut.on(() => {});
        await waitFor(open, () => open.status === "connected");
        const isEnded = () => ["forbidden", "unauthorized"].includes(shut.status);
        await waitFor(shut, isEnded);
        if (sockets === "shared") assert.equal(shut.status, "forbidden");
        const received = new Promise((resolve) => open.on(resolve));
        await backend.publish(open.name, "goal", 1);
        assert.equal(await received, 1);
        assert.equal(open.status, "connected");
      });

      it("a sign-in makes the client a user, and a sign-out makes it anonymous again", async () => {
        let user: string | undefined;
        client = clientWith({ token: () => user && tokenOf(user, ["subscribe", "publish"]) });
        const room = client.room("public:scores");
        const seqs: number[] = [];
        room.on((_, { seq }) => seqs.push(seq));
        await waitFor(room, () => room.status === "connected");
        await backend.publish(room.name, "goal", 1);
        await waitFor(room, () => seqs.length === 1);

        user = "alice";
        client.reconnect();
        await room.publish("cheer", 2);
        await waitFor(room, () => seqs.length === 2);
        const { events } = await room.history({ last: 1 });
        assert.equal(events[0]?.from, "alice");

        user = undefined;
        client.signOut();
        assert.equal(room.status, "unauthorized");
        client.connect();
        await waitFor(room, () => room.status === "connected");
        assert.equal(await codeOf(room.publish("cheer", 3)), "forbidden");
        await backend.publish(room.name, "goal", 4);
        await waitFor(room, () => seqs.length === 3);
        assert.deepEqual(seqs, [1, 2, 3]);
      });
    });
  }
}
