import assert from "node:assert/strict";
import { type TestContext, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import parsePrometheus from "parse-prometheus-text-format";
import { Socket } from "./client.ts";
import { claims, sign } from "./jwt.ts";
import { Room } from "./room.ts";
import { type Options, Runtime, SECRET } from "./runtime.ts";
import { wrappedWorker } from "./wrapped-worker.ts";

const reader = sign(claims("reader", ["subscribe"]), SECRET);
const admin = sign(claims("ops", ["admin"]), SECRET);

/** The series of the metrics, such as `gaps_total` and `disconnects_total code=1000`. */
type Figures = Record<string, number>;

describe("the metrics", { concurrency: true }, () => {
  test("equal what a scripted run did, across hibernation and a kill", async (t) => {
    const settings = { "*": { sessions_per_user: 5_000 }, "short:*": { retained_appends: 1 } };
    const { runtime } = await start(t, { settings });
    const rooms = Array.from({ length: 10 }, (_, n) => new Room(runtime, `long:${n}`));
    const sockets: Socket[] = [];
    for (const room of rooms) {
      for (let n = 0; n < 5; n++) sockets.push(await join(room));
    }
    for (let n = 0; n < 990; n++) {
      await rooms[n % 10]!.publish({ name: "n", data: n });
      if (n % 100 === 0) await runtime.evictIfIdle(rooms[n % 10]!.name);
    }
    // Each of seven clients resumes from an event that its room no longer retains.
    const short = new Room(runtime, "short:0");
    for (let n = 0; n < 9; n++) await short.publish({ name: "n", data: n });
    const { epoch } = await short.stats();
    for (let n = 0; n < 7; n++) {
      const socket = await join(short, `since=${epoch}:1`);
      await socket.until("gap");
      socket.close();
    }
    const resumed = await join(short, `since=${epoch}:8`);
    await resumed.until("events");
    for (const token of ["x", "x.y.z", `${reader}x`]) {
      assert.equal((await fetch(short.url, { headers: bearer(token) })).status, 401);
    }
    await short.publish({ name: "n", data: "last" });

    const expected: Figures = {
      "connections transport=websocket": 51,
      connections_accepted_total: 58,
      "disconnects_total code=1000": 7,
      "messages_received_total kind=publish": 1_000,
      "messages_received_total kind=stats": 1,
      "messages_sent_total kind=events": 990 * 5 + 2,
      "messages_sent_total kind=gap": 7,
      "messages_sent_total kind=welcome": 58,
      gaps_total: 7,
      "recover_total result=gap": 7,
      "recover_total result=recovered": 1,
      recovered_events_total: 1,
      "auth_failures_total reason=unauthorized": 3,
      publish_duration_seconds_count: 1_000,
      "rooms state=occupied": 11,
    };
    await assertFigures(runtime, expected);

    await runtime.kill();
    await runtime.restart();
    await assertFigures(runtime, expected);
    await Promise.all([...rooms, short].map((room) => room.publish({ name: "n", data: 1 })));
    await assertFigures(runtime, {
      ...expected,
      "connections transport=websocket": 0,
      "messages_received_total kind=publish": 1_011,
      publish_duration_seconds_count: 1_011,
      "rooms state=occupied": 0,
      "rooms state=empty": 11,
    });
    sockets.forEach((socket) => socket.drop());
  });

  test("need an admin of every room, or the METRICS_TOKEN", async (t) => {
    const vars = { JWT_SECRET: SECRET, METRICS_TOKEN: "a token for Prometheus" };
    const { runtime } = await start(t, { vars });
    const status = async (token?: string): Promise<number> =>
      (await fetch(`${runtime.url}/metrics`, { headers: bearer(token) })).status;
    assert.equal(await status(admin), 200);
    assert.equal(await status("a token for Prometheus"), 200);
    assert.equal(await status("a token for prometheus"), 401);
    assert.equal(await status(), 401);
    assert.equal(await status(reader), 403);
    const ofSome = { ...claims("ops", []), rooms: { "a:*": ["admin" as const] } };
    assert.equal(await status(sign(ofSome, SECRET)), 403);
  });

  test("count frames over sockets, by kind and by limit", async (t) => {
    const { runtime } = await start(t, {
      settings: { "*": { frames_per_second: 1, frames_burst: 3 } },
    });
    const room = new Room(runtime, "r");
    const alice = await Socket.open(`${room.url}/events`, {
      token: sign(claims("alice", ["subscribe", "publish", "presence"]), SECRET),
    });
    await alice.until("welcome");
    for (const frame of [
      { type: "enter" },
      { type: "signal", name: "s", data: 1 },
      { type: "leave" },
    ])
      alice.send(frame);
    alice.send({ type: "publish", name: "n", data: 1, ref: "1" });
    await alice.until("error");
    await room.publish({ name: "n", data: 1 });
    await assertFigures(runtime, {
      "messages_received_total kind=enter": 1,
      "messages_received_total kind=signal": 1,
      "messages_received_total kind=leave": 1,
      "messages_received_total kind=publish": 2,
      "messages_sent_total kind=error": 1,
      "rate_limited_total limit=frames": 1,
    });
  });
});

/** A worker with a binding ANALYTICS that writes its data points to the log. */
const ANALYTICS = `
import Worker, { RoomObject as Room } from "./roomcast.js";

const ANALYTICS = { writeDataPoint: (point) => console.log("point " + JSON.stringify(point)) };
export class RoomObject extends Room {
  constructor(state, env) {
    super(state, Object.create(env, { ANALYTICS: { value: ANALYTICS } }));
  }
}
export default Worker;
`;

test("each report is a data point of Workers Analytics Engine", async (t) => {
  const { runtime } = await start(t, { root: await wrappedWorker(t, ANALYTICS) });
  const name = `${"long:".repeat(30)}r`;
  const room = new Room(runtime, name);
  for (let n = 0; n < 3; n++) await room.publish({ name: "n", data: n });
  const alice = await join(room);
  await runtime.waitForLog(`"indexes":["${name.slice(0, 96)}"],"blobs":["${name}"]`, 1, 15_000);
  // The worker's own counts: three publishes, with their bodies.
  await runtime.waitForLog('"indexes":["isolate"],"blobs":["isolate"],"doubles":[0,0,', 1, 15_000);
  alice.drop();
});

describe("the directory", { concurrency: true }, () => {
  test("lists rooms with sessions, members, head and last activity", async (t) => {
    const { runtime } = await start(t);
    const room = new Room(runtime, "orders:1");
    const before = Date.now();
    const alice = await join(room);
    for (let n = 0; n < 3; n++) await room.publish({ name: "n", data: n });
    await new Room(runtime, "chat:1").publish({ name: "n", data: 1 });
    const { rooms } = await list(runtime, "prefix=orders:");
    assert.equal(rooms.length, 1);
    const { reported_at, ...entry } = rooms[0];
    assert.deepEqual(entry, { room: "orders:1", head: 3, sessions: 1, members: 0 });
    assert(reported_at >= before && reported_at <= Date.now());
    assert.deepEqual(await names(runtime, ""), ["chat:1", "orders:1"]);
    alice.close();
    await until(async () => (await list(runtime, "prefix=orders:")).rooms[0].sessions === 0);
  });

  test("lists a thousand rooms in pages", async (t) => {
    const { runtime } = await start(t);
    const events = Array.from({ length: 1_000 }, (_, n) => ({
      room: `r:${n}`,
      name: "n",
      data: n,
    }));
    for (let from = 0; from < events.length; from += 40) {
      const body = JSON.stringify({ events: events.slice(from, from + 40) });
      const publisher = sign(claims("backend", ["publish"]), SECRET);
      const headers = { ...bearer(publisher), "content-type": "application/json" };
      const answer = await fetch(`${runtime.url}/events`, { method: "POST", headers, body });
      assert.equal(answer.status, 200);
    }
    const listed: string[] = [];
    let query: string | undefined = "prefix=r:&limit=300";
    while (query !== undefined) {
      const page: any = await list(runtime, query);
      listed.push(...page.rooms.map(({ room }: { room: string }) => room));
      query = page.cursor && `prefix=r:&limit=300&cursor=${page.cursor}`;
    }
    assert.deepEqual(listed, events.map(({ room }) => room).sort());
  });

  test("lists only rooms whose admin asks", async (t) => {
    const { runtime } = await start(t);
    const some = sign({ ...claims("ops", []), rooms: { "orders:*": ["admin"] } }, SECRET);
    const status = async (query: string, token?: string): Promise<number> =>
      (await fetch(`${runtime.url}/rooms?${query}`, { headers: bearer(token) })).status;
    assert.equal(await status("prefix=orders:", some), 200);
    assert.equal(await status("prefix=orders:eu:", some), 200);
    assert.equal(await status("prefix=orders", some), 403);
    assert.equal(await status("", some), 403);
    assert.equal(await status("", admin), 200);
    assert.equal(await status(""), 401);
    assert.equal(await status("limit=0", admin), 400);
    assert.equal(await status("prefix=a%2Fb", admin), 400);
  });

  test("forgets an erased room", async (t) => {
    const { runtime } = await start(t);
    const room = new Room(runtime, "r");
    await room.publish({ name: "n", data: 1 });
    assert.deepEqual(await names(runtime, ""), ["r"]);
    // The report of this publish waits in the worker, and arrives after that of the erased room.
    await room.publish({ name: "n", data: 2 });
    await room.erase();
    await until(async () => (await names(runtime, "")).length === 0);
  });

  test("is empty if the settings turn it off, and then its shards store nothing", async (t) => {
    const { runtime } = await start(t, { settings: { "*": { directory: false } } });
    const room = new Room(runtime, "r");
    const alice = await join(room);
    await room.publish({ name: "n", data: 1 });
    alice.close();
    assert.deepEqual(await names(runtime, ""), []);
    await assertFigures(runtime, {
      connections_accepted_total: 0,
      publish_duration_seconds_count: 0,
    });
  });

  test("does not wake a room that hibernates, nor keep it awake", async (t) => {
    const { runtime } = await start(t);
    const room = new Room(runtime, "r");
    const alice = await join(room);
    await room.publish({ name: "n", data: 1 });
    await sleep(13_000); // The runtime evicts an object that has been idle for ten seconds.
    await list(runtime, "");
    await fetch(`${runtime.url}/metrics`, { headers: bearer(admin) });
    assert.equal(await runtime.evict("r"), false, "the room hibernates");
    await room.publish({ name: "n", data: 2 });
    assert.equal((await list(runtime, "")).rooms[0].head, 2);
    alice.drop();
  });
});

const bearer = (token?: string): Record<string, string> =>
  token === undefined ? {} : { authorization: `Bearer ${token}` };

async function start(t: TestContext, options?: Options): Promise<{ runtime: Runtime }> {
  const runtime = await Runtime.start(options);
  t.after(() => runtime.stop());
  return { runtime };
}

async function join(room: Room, query?: string): Promise<Socket> {
  const socket = await Socket.open(`${room.url}/events`, { token: reader, query });
  await socket.until("welcome");
  return socket;
}

async function list(runtime: Runtime, query: string): Promise<any> {
  const answer = await fetch(`${runtime.url}/rooms?${query}`, { headers: bearer(admin) });
  assert.equal(answer.status, 200);
  return answer.json();
}

async function names(runtime: Runtime, query: string): Promise<string[]> {
  return (await list(runtime, query)).rooms.map(({ room }: { room: string }) => room);
}

async function figures(runtime: Runtime): Promise<Figures> {
  const answer = await fetch(`${runtime.url}/metrics`, { headers: bearer(admin) });
  assert.equal(answer.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  const found: Figures = {};
  for (const { name, type, metrics } of parsePrometheus(await answer.text())) {
    assert(name.startsWith("roomcast_"), name);
    const short = name.slice("roomcast_".length);
    for (const { labels = {}, value, count } of metrics) {
      if (type === "HISTOGRAM") found[`${short}_count`] = Number(count);
      const [label] = Object.entries(labels).map(([key, of]) => ` ${key}=${of}`);
      found[short + (label ?? "")] = Number(value);
    }
  }
  return found;
}

/** Waits until the metrics have the expected figures. Figures that never arrive fail the test. */
async function assertFigures(runtime: Runtime, expected: Figures): Promise<void> {
  const pick = async (): Promise<Figures> => {
    const all = await figures(runtime);
    return Object.fromEntries(Object.keys(expected).map((key) => [key, all[key] ?? 0]));
  };
  const end = Date.now() + 15_000;
  let found = await pick();
  while (JSON.stringify(found) !== JSON.stringify(expected) && Date.now() < end) {
    await sleep(200);
    found = await pick();
  }
  assert.deepEqual(found, expected);
}

async function until(isReached: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 15_000; !(await isReached()); await sleep(100))
    assert(Date.now() < end, "the state was not reached");
}
