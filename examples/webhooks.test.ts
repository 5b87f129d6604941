/** Runs each receiver of webhooks, and compares its output with the notifications of a room. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Webhook } from "standardwebhooks";
import { Socket } from "../tests/edge/client.ts";
import { claims, sign } from "../tests/edge/jwt.ts";
import { Room } from "../tests/edge/room.ts";
import { Runtime, SECRET } from "../tests/edge/runtime.ts";
import { pythonPath, requirePhp, skipPhp, skipPython } from "../tools/languages.ts";

const secret = `whsec_${Buffer.alloc(32, "receiver").toString("base64")}`;
const older = `whsec_${Buffer.alloc(32, "older").toString("base64")}`;
const token = sign(claims("alice", ["subscribe", "presence"]), SECRET);

test("the Node receiver processes each notification once", async (t) => {
  await receives(t, () => [process.execPath, path("receiver.mjs")]);
});

test(
  "the Python receiver processes each notification once",
  { skip: skipPython },
  async (t) => await receives(t, () => [pythonPath(), path("receiver.py")]),
);

test("the PHP receiver processes each notification once", { skip: skipPhp }, async (t) => {
  requirePhp();
  await receives(t, (port) => ["php", "-S", `127.0.0.1:${port}`, path("receiver.php")]);
});

/** Starts a receiver and a worker that notifies it. */
async function receives(t: TestContext, command: (port: number) => string[]): Promise<void> {
  const port = await freePort();
  const output = await start(t, command(port), port);
  const url = `http://127.0.0.1:${port}/`;
  const runtime = await Runtime.start({
    vars: { JWT_SECRET: SECRET, WEBHOOK_SECRETS: `${older} ${secret}` },
    settings: { "*": { webhook_url: url, webhook_events: true } },
  });
  t.after(() => runtime.stop());
  const room = new Room(runtime, "shipments:42");
  const alice = await Socket.open(`${room.url}/events`, { token });
  await alice.until("welcome");
  alice.send({ type: "enter" });
  await alice.until("members");
  await room.publish({ name: "n", data: "ä" });
  alice.close();
  const expected = [
    "shipments:42 room.occupied",
    "shipments:42 member.entered alice",
    "shipments:42 events.published 1",
    "shipments:42 session.closed alice",
    "shipments:42 member.left alice",
    "shipments:42 room.vacated",
  ];
  await until(() => lines(output).length >= expected.length, output);
  assert.deepEqual(lines(output).sort(), [...expected].sort());

  assert.equal(await send(url, secret, 2), 204);
  await until(() => lines(output).at(-1) === "r room.vacated", output);
  assert.equal(await send(url, secret, 2), 204, "a repeat");
  assert.equal(await send(url, older, 3), 400, "another secret");
  assert.equal(await send(url, secret, 3), 204);
  await until(() => lines(output).length >= expected.length + 2, output);
  assert.deepEqual(lines(output).slice(expected.length), ["r room.vacated", "r room.vacated"]);
}

/** Sends a webhook like a room, and returns the status of the answer. */
async function send(url: string, key: string, number: number): Promise<number> {
  const notifications = [{ type: "room.vacated", number, at: 1 }];
  const data = { room: "r", epoch: "Vq3xT0aB", dropped: 0, notifications };
  const body = JSON.stringify({ type: "room.notifications", data });
  const at = new Date();
  const headers = {
    "content-type": "application/json",
    "webhook-id": "id",
    "webhook-timestamp": String(Math.floor(at.getTime() / 1_000)),
    "webhook-signature": new Webhook(key).sign("id", at, body),
  };
  return (await fetch(url, { method: "POST", headers, body })).status;
}

/** Returns the lines of the output that name a room. */
function lines(output: { text: string }): string[] {
  const all = output.text.split("\n").map((line) => line.trim());
  return all.filter((line) => /^(?:shipments:42|r) /.test(line));
}

/** Starts a program, and waits until it accepts connections. */
async function start(
  t: TestContext,
  [command = "", ...args]: string[],
  port: number,
): Promise<{ text: string }> {
  const directory = await mkdtemp(join(tmpdir(), "roomcast-"));
  const env = {
    ...process.env,
    WEBHOOK_SECRET: secret,
    PORT: String(port),
    POSITIONS: join(directory, "positions.json"),
  };
  const child: ChildProcess = spawn(command, args, { env, stdio: ["ignore", "pipe", "inherit"] });
  t.after(async () => {
    const closed = once(child, "close");
    if (child.kill()) await closed;
    await rm(directory, { recursive: true, force: true });
  });
  const output = { text: "" };
  child.stdout!.setEncoding("utf8").on("data", (text: string) => (output.text += text));
  const answers = () =>
    fetch(`http://127.0.0.1:${port}/`, { method: "POST" }).then(
      () => true,
      () => false,
    );
  for (const end = Date.now() + 30_000; !(await answers()); await sleep(50))
    assert(Date.now() < end, "the receiver does not listen");
  return output;
}

async function until(holds: () => boolean, output: { text: string }): Promise<void> {
  for (const end = Date.now() + 30_000; !holds(); await sleep(20))
    assert(Date.now() < end, output.text);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

function path(file: string): string {
  return join(import.meta.dirname, "webhooks", file);
}
