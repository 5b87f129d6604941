import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { type TestContext, describe, test } from "node:test";
import { Socket } from "./client.ts";
import { claims, sign } from "./jwt.ts";
import { Room } from "./room.ts";
import { Runtime, SECRET } from "./runtime.ts";

const reader = sign(claims("reader", ["subscribe"]), SECRET);

describe("the log", { concurrency: true }, () => {
  test("has only failures by default, and the answer has the id of its line", async (t) => {
    const { runtime, room } = await start(t);
    await room.publish({ name: "n", data: 1 });
    assert.equal((await fetch(room.url)).headers.get("x-request-id"), null);
    await damage(runtime);
    const answer = await fetch(room.url, { headers: { authorization: `Bearer ${reader}` } });
    assert.equal(answer.status, 500);
    const id = answer.headers.get("x-request-id");
    assert(id);
    await runtime.waitForLog(id, 1, 10_000);
    const [entry, ...others] = runtime.logged("request");
    assert.deepEqual(others, []);
    const { ms, ...fields } = entry!;
    assert.equal(typeof ms, "number");
    assert.deepEqual(fields, {
      level: "error",
      event: "request",
      request: id,
      method: "GET",
      path: "/rooms/r",
      status: 500,
    });
    const [cause] = runtime.logged("room_unloadable");
    assert.match(String(cause?.cause), /^r: storage: /);
  });

  test("has refused requests and sessions with LOG_LEVEL=warn, without their tokens", async (t) => {
    const { runtime, room } = await start(t, "warn");
    await room.publish({ name: "n", data: "the data of an event" });
    const refused = await fetch(`${room.url}/state?token=${reader}x`);
    assert.equal(refused.status, 401);
    await runtime.waitForLog(refused.headers.get("x-request-id")!, 1, 10_000);
    const socket = await Socket.open(`${room.url}/events`, { token: `${reader}x` });
    assert.equal((await socket.closed()).code, 4001);
    const flooding = await Socket.open(`${room.url}/events`, { token: reader });
    await flooding.until("welcome");
    for (let n = 0; n < 20; n++) flooding.send("{");
    let last = await flooding.frameOrClose();
    while (typeof last === "string") last = await flooding.frameOrClose();
    assert.equal(last.code, 4400);
    await runtime.waitForLog("session_closed", 1, 10_000);

    const entries = runtime.logged("request").map(({ path, status, code }) => [path, status, code]);
    assert.deepEqual(entries, [
      ["/rooms/r/state", 401, "unauthorized"],
      ["/rooms/r/events", 401, "unauthorized"],
    ]);
    const [{ session, ...closed } = {}] = runtime.logged("session_closed");
    assert.match(String(session), /^[0-9a-f]{16}$/);
    const expected = { level: "warn", event: "session_closed", room: "r", code: "bad_request" };
    assert.deepEqual(closed, expected);
    // When the runtime stops, it checks that the log has no secret.
    assert.deepEqual(runtime.logged("request").join().includes("the data"), false);
  });

  test("has every request with LOG_LEVEL=info", async (t) => {
    const { runtime, room } = await start(t, "info");
    await room.publish({ name: "n", data: 1 });
    const answer = await fetch(`${runtime.url}/healthz`);
    await runtime.waitForLog(answer.headers.get("x-request-id")!, 1, 10_000);
    const entries = runtime
      .logged("request")
      .map(({ level, path, status }) => [level, path, status]);
    assert.deepEqual(entries, [
      ["info", "/rooms/r/events", 201],
      ["info", "/healthz", 200],
    ]);
  });

  test("names an invalid LOG_LEVEL", async (t) => {
    const { runtime } = await start(t, "debug");
    assert.equal((await fetch(`${runtime.url}/healthz`)).status, 500);
    await runtime.waitForLog("it must be error, warn or info", 1, 10_000);
  });
});

async function start(t: TestContext, level?: string): Promise<{ runtime: Runtime; room: Room }> {
  const vars = { JWT_SECRET: SECRET, ...(level && { LOG_LEVEL: level }) };
  const runtime = await Runtime.start({ vars });
  t.after(() => runtime.stop());
  return { runtime, room: new Room(runtime, "r") };
}

/** Damages the row about the room, so that the room can't be loaded any more. */
async function damage(runtime: Runtime): Promise<void> {
  const [file] = await runtime.databases();
  await runtime.kill();
  const database = new DatabaseSync(file!);
  database.exec("UPDATE room SET epoch = ''");
  database.close();
  await runtime.restart();
}
