/** Moves rooms between two deployments, with the command line of the package. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { type TestContext, test } from "node:test";
import { Socket } from "./client.ts";
import { Room, tokenOf } from "./room.ts";
import { SECRET } from "./runtime.ts";
import { read } from "../recorded/storage.ts";

const MAIN = resolve(import.meta.dirname, "../../client/src/cli/main.ts");
const SETTINGS = { "*": { retained_appends: 20, publishes_per_second: 100_000 } };

test("a room moves to another deployment, and its client resumes without a gap", async (t) => {
  const [from, to] = [await start(t), await start(t)];
  await from.publish({ name: "n", data: { é: 1.5 }, key: "old" });
  for (let n = 1; n <= 30; n++) await from.publish({ name: "n", data: n, id: `id-${n}` });
  const before = await read(from);
  assert.equal(before.oldest, 12);

  const token = tokenOf("ann", ["subscribe"]);
  const early = await Socket.open(`${to.url}/events`, { token });
  assert.notEqual((await early.until("welcome")).epoch, before.epoch);
  await importInto(to, await exportOf(from));
  assert.equal((await early.closed()).code, 1012, "a session of the empty room connects again");
  assert.deepEqual(await read(to), before);
  await to.runtime.kill();
  await to.runtime.restart();

  const query = `since=${before.epoch}:20`;
  const ann = await Socket.open(`${to.url}/events`, { token, query });
  assert.equal((await ann.until("welcome")).recovered, true);
  const { prev, events } = await ann.until("events");
  assert.deepEqual([prev, events.length, events[0].data], [20, 11, 20]);
  assert.deepEqual(
    await to.publish({ name: "n", data: 30, id: "id-30" }),
    [31],
    "an id counts once",
  );
  assert.deepEqual(await to.publish({ name: "n", data: 31 }), [32]);
  assert.deepEqual(await read(from), before, "an export changes nothing");
});

test("an import continues after a crash, and can be repeated", async (t) => {
  const [from, to] = [await start(t), await start(t)];
  const data = "x".repeat(240_000);
  for (let n = 1; n <= 12; n++)
    await from.publish({ name: "n", data, id: `${n}`, key: `${n % 7}` });
  const before = await read(from);
  const lines = (await exportOf(from)).split("\n");
  const second = lines.findIndex((line, index) => index > 0 && line.startsWith('{"roomcast"'));
  assert(second > 0, "the export has several pages");

  const cut = await run("import", to, lines.slice(0, second).join("\n"));
  assert.match(
    cut.stderr,
    /^roomcast: the export ends early: the room has the events up to seq \d/,
  );
  assert.equal(cut.exitCode, 1);
  await to.runtime.kill();
  await to.runtime.restart();
  for (let repeat = 0; repeat < 2; repeat++) {
    await importInto(to, lines.join("\n"));
    assert.deepEqual(await read(to), before);
  }

  await to.publish({ name: "n", data: "of this room alone" });
  await from.publish({ name: "n", data: "of the other room" });
  const diverged = await run("import", to, await exportOf(from));
  assert.match(diverged.stderr, /^roomcast: line \d+: the room has other events from seq 13 to 13/);
});

test("a damaged line of an import is named, and its page changes nothing", async (t) => {
  const [from, to] = [await start(t), await start(t)];
  const data = "x".repeat(240_000);
  for (let n = 1; n <= 6; n++) await from.publish({ name: "n", data });
  const lines = (await exportOf(from)).split("\n");
  const [number, line] = [...lines.entries()].findLast(([, line]) => line.startsWith('{"events"'))!;
  lines[number] = line.replace('"seq"', '"seq" ');
  const { exitCode, stderr } = await run("import", to, lines.join("\n"));
  assert.equal(exitCode, 1);
  assert.match(stderr, new RegExp(`^roomcast: line ${number + 1}: `));
  const { head } = await to.stats();
  assert(head > 0 && head < 6, "the pages before are stored");
});

test("a page of an export is NDJSON for an admin alone", async (t) => {
  const room = await start(t);
  await room.publish({ name: "n", data: 1 });
  const get = (can: "admin" | "subscribe"): Promise<Response> =>
    fetch(`${room.url}/export`, { headers: { authorization: `Bearer ${tokenOf("a", [can])}` } });
  const page = await get("admin");
  assert.equal(page.headers.get("content-type"), "application/x-ndjson");
  const lines = (await page.text()).trimEnd().split("\n");
  const [header, events, end, ...others] = lines.map((line) => JSON.parse(line));
  const { epoch } = await room.stats();
  assert.deepEqual(header, { roomcast: 1, room: "r", epoch, first: 1 });
  assert.equal(events.events[0].data, 1);
  assert.deepEqual([end, others], [{ end: 1 }, []]);
  assert.equal((await get("subscribe")).status, 403);
});

async function start(t: TestContext): Promise<Room> {
  return Room.of(t, { settings: SETTINGS });
}

async function exportOf(room: Room): Promise<string> {
  const { exitCode, stdout, stderr } = await run("export", room);
  assert.deepEqual([exitCode, stderr], [0, ""]);
  return stdout;
}

async function importInto(room: Room, lines: string): Promise<void> {
  const { exitCode, stderr } = await run("import", room, lines);
  assert.deepEqual([exitCode, stderr], [0, ""]);
}

/** Runs a command of the package for a room, with a text as its input. */
async function run(command: string, { runtime, name }: Room, input = "") {
  const child = spawn(process.execPath, [MAIN, command, name, "--url", runtime.url], {
    env: { ...process.env, JWT_SECRET: SECRET },
  });
  const output = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const)
    child[stream].setEncoding("utf8").on("data", (text: string) => (output[stream] += text));
  child.stdin.end(input);
  const [exitCode] = await once(child, "close");
  return { exitCode, ...output };
}
