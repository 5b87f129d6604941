/**
 * Tests that every call of a room reaches the one object in its jurisdiction. workerd has no
 * jurisdictions, so the worker of these tests adds them: the object of a room in a jurisdiction has
 * the name `eu/room`, and each call is recorded.
 */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { type TestContext, test } from "node:test";
import { Socket } from "./client.ts";
import { subscribe } from "./connection.ts";
import { EventStream } from "./event-stream.ts";
import { Room, tokenOf } from "./room.ts";
import { Runtime } from "./runtime.ts";
import { wrappedWorker } from "./wrapped-worker.ts";

const WORKER = `
import worker, { RoomObject as Built } from "./roomcast.js";

const asked = [];

const namespace = (rooms, jurisdiction) => ({
  jurisdiction: (name) => namespace(rooms, name),
  getByName(name, { locationHint } = {}) {
    if (!name.startsWith("directory/")) asked.push({ name, jurisdiction, locationHint });
    return rooms.getByName(jurisdiction === undefined ? name : jurisdiction + "/" + name);
  },
});
const withJurisdictions = (env) =>
  Object.create(env, { ROOMS: { value: namespace(env.ROOMS) } });

export class RoomObject extends Built {
  constructor(state, env) {
    const { name } = state.id;
    const [, jurisdiction] = /^(\\w+)\\//.exec(name) ?? [];
    const id = { name, jurisdiction: name.startsWith("directory/") ? undefined : jurisdiction };
    super(Object.defineProperty(state, "id", { value: id }), withJurisdictions(env));
  }
}

const IDENTITY = { user: "server", grant: ["publish"], expires_at: Number.MAX_SAFE_INTEGER };

export default {
  async fetch(request, env, context) {
    const [, kind, room] = new URL(request.url).pathname.split("/");
    const call = "POST\\n/rooms/" + room + "/events\\n" + JSON.stringify(IDENTITY);
    const event = '{"name":"n","data":0}';
    const extended = withJurisdictions(env);
    if (kind === "asked") return Response.json(asked.splice(0));
    if (kind === "package") {
      return Response.json(await RoomObject.callRoom(extended.ROOMS, room, call, event));
    }
    if (kind === "bypass") {
      return Response.json(await env.ROOMS.getByName(room).request(call, event));
    }
    return worker.fetch(request, extended, context);
  },
};
`;

const SETTINGS = {
  "*": { location_hint: "weur" },
  "eu:*": { jurisdiction: "eu" },
  "eu:us": { jurisdiction: "us", location_hint: "wnam" },
};

const token = tokenOf("alice", ["subscribe", "publish"]);

async function start(t: TestContext): Promise<Runtime> {
  const root = await wrappedWorker(t, WORKER);
  const runtime = await Runtime.start({ root, settings: SETTINGS });
  t.after(() => runtime.stop());
  return runtime;
}

for (const [name, jurisdiction, locationHint] of [
  ["r", undefined, "weur"],
  ["eu:1", "eu", "weur"],
  ["eu:us", "us", "wnam"],
] as const) {
  test(`every call of ${name} asks for its jurisdiction and its location hint`, async (t) => {
    const runtime = await start(t);
    const room = new Room(runtime, name);
    const { url } = runtime;
    const place = { ...(jurisdiction && { jurisdiction }), locationHint };
    let since = "";
    const calls: Record<string, () => Promise<unknown>> = {
      publish: () => room.publish({ name: "n", data: 0 }),
      "publish to rooms": () => publishToRooms(runtime, name),
      package: async () => {
        const { status } = (await (await fetch(`${url}/package/${name}`)).json()) as any;
        assert.equal(status, 201);
      },
      "room stats": async () => (since = await room.position()),
      "long poll": () => room.page(`since=${since}&wait=1`),
      socket: () => Socket.open(`${room.url}/events`, { token }),
      "socket without a token": async () => {
        const socket = await Socket.open(`${room.url}/events`);
        socket.send({ type: "auth", token });
        assert.equal((await socket.next()).type, "welcome");
      },
      stream: async () => {
        const stream = await EventStream.open(`${room.url}/events`, { token });
        t.after(() => stream.drop());
        await stream.waitForPosition();
      },
      connection: async () => {
        const socket = await Socket.open(`${url}/events`, { token });
        await socket.next();
        await subscribe(socket, name);
      },
    };
    for (const [what, call] of Object.entries(calls)) {
      await call();
      const asked = (await (await fetch(`${url}/asked`)).json()) as object[];
      assert(asked.length > 0, `${what} called the room`);
      for (const one of asked) assert.deepEqual(one, { name, ...place }, what);
    }
    assert.equal((await room.stats()).head, 3);
  });
}

test("an object outside of the jurisdiction of its room answers nothing", async (t) => {
  const runtime = await start(t);
  const answer = await (await fetch(`${runtime.url}/bypass/eu:1`)).json();
  assert.equal((answer as { status: number }).status, 500);
  await runtime.waitForLog("room_unloadable", 1, 10_000);
  assert.match(String(runtime.logged("room_unloadable")[0]?.cause), /^eu:1: .*jurisdiction/);
  await runtime.kill();
  const [file] = await runtime.databases();
  const database = new DatabaseSync(file!, { readOnly: true });
  t.after(() => database.close());
  const tables = database.prepare("SELECT name FROM sqlite_master WHERE name NOT LIKE '_cf_%'");
  assert.deepEqual(tables.all(), [], "nothing is stored outside of the jurisdiction");
  await runtime.restart();
  const outside = await (await fetch(`${runtime.url}/bypass/r`)).json();
  assert.equal((outside as { status: number }).status, 201, "a room without a jurisdiction");
});

test("after a change of the jurisdiction, the room is empty and the old object erases itself", async (t) => {
  const root = await wrappedWorker(t, WORKER);
  const before = { "*": { retained_ms: 3_000 } };
  const runtime = await Runtime.start({ root, settings: before });
  t.after(() => runtime.stop());
  const room = new Room(runtime, "eu:1");
  await room.publish({ name: "n", data: 0 });
  const { epoch } = await room.stats();
  const after = { "*": { retained_ms: 3_000, jurisdiction: "eu" } };
  await runtime.deploy({ root, settings: after });
  assert.equal((await room.stats()).head, 0);
  // No request reaches the old object, which erases itself when its alarm fires.
  await runtime.evictOnceLoaded("eu:1", 30_000);
  await runtime.deploy({ root, settings: before });
  assert.notEqual((await room.stats()).epoch, epoch);
});

test("a room with a jurisdiction works on this machine, and the log says that it has none", async (t) => {
  const runtime = await Runtime.start({ settings: SETTINGS });
  t.after(() => runtime.stop());
  const room = new Room(runtime, "eu:1");
  assert.deepEqual(await room.publish({ name: "n", data: 0 }), [1]);
  assert.deepEqual(await room.publish({ name: "n", data: 0 }), [2]);
  assert.equal(runtime.logged("jurisdiction_ignored").length, 1);
});

async function publishToRooms({ url }: Runtime, room: string): Promise<void> {
  const body = JSON.stringify({ events: [{ room, name: "n", data: 0 }] });
  const headers = { authorization: `Bearer ${token}` };
  const answer = await fetch(`${url}/events`, { method: "POST", headers, body });
  assert.equal(answer.status, 200, await answer.text());
}
