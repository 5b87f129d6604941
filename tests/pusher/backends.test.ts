/** Runs the SDKs of Pusher, and a program without an SDK. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { after, afterEach, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { pythonPath, requirePhp, skipPhp, skipPython } from "../../tools/languages.ts";
import { claims, sign } from "../edge/jwt.ts";
import { SECRET } from "../edge/runtime.ts";
import { App } from "./app.ts";
import { InNode } from "./platforms.ts";

const pusher = new InNode();
let app: App;
before(async () => {
  app = await App.start();
});
afterEach(() => pusher.closeClients());
after(() => app?.stop());

/** Runs a program that succeeds, and returns its output. */
async function run(command: string, ...args: string[]): Promise<string> {
  const env = { ...process.env, PUSHER_URL: app.pusherUrl };
  const child = spawn(command, args, { env });
  const output = [child.stdout, child.stderr].map((stream) => text(stream));
  const [code] = await once(child, "close");
  const [answer = "", errors] = await Promise.all(output);
  assert.equal(code, 0, answer + errors);
  return answer;
}

test("the remote tests in the package of the Node SDK pass", async () => {
  const require = createRequire(import.meta.url);
  const [mocha, sdk] = ["mocha", "pusher"].map((name) =>
    dirname(require.resolve(`${name}/package.json`)),
  );
  const files = join(sdk!, "tests/remote/pusher/*.js");
  const report = await run(process.execPath, join(mocha!, "bin/mocha"), "--timeout=20000", files);
  assert.match(report, /7 passing/);
});

test(
  "the Python SDK triggers events, sends batches and reads channels",
  { skip: skipPython },
  async () => {
    const ann = await pusher.open(app, "ann");
    for (const channel of ["news", "private-orders", "presence-chat"]) await ann.join(channel);
    await ann.signIn();
    await ann.next("user");
    await app.waitForSignedIn("ann", 1);

    const answers = await run(pythonPath(), join(import.meta.dirname, "backend.py"));
    for (const entry of [
      ["published", { id: 1 }],
      ["published", "plain text"],
      ["batched", { id: 2 }],
    ])
      assert.deepEqual(await ann.next("news"), entry);
    for (const entry of [
      ["published", "plain text"],
      ["batched", { id: 3 }],
    ])
      assert.deepEqual(await ann.next("private-orders"), entry);
    assert.deepEqual(await ann.next("user"), ["paid", { amount: 5 }]);
    assert.deepEqual(JSON.parse(answers), {
      channels: { channels: { news: {}, "presence-chat": {}, "private-orders": {} } },
      with_user_count: { channels: { "presence-chat": { user_count: 1 } } },
      channel: { occupied: true, user_count: 1, subscription_count: 1 },
      users: { users: [{ id: "ann" }] },
    });
  },
);

test("a PHP program without the SDK triggers an event", { skip: skipPhp }, async () => {
  requirePhp();
  const ann = await pusher.open(app, "ann");
  await ann.join("private-orders");
  await run("php", join(import.meta.dirname, "../../examples/php/trigger.php"));
  assert.deepEqual(await ann.next("private-orders"), ["shipped", { id: 7 }]);
});

test("the metrics count the bytes that each room receives once", async (t) => {
  const own = await App.start();
  t.after(() => own.stop());
  const data = "x".repeat(10_000);
  await own.sdk.trigger(["a", "b", "c"], "n", data);
  const authorization = `Bearer ${sign(claims("ops", ["admin"]), SECRET)}`;
  const metric = async (series: string): Promise<number> => {
    const answer = await fetch(`${own.runtime.url}/metrics`, { headers: { authorization } });
    const lines = (await answer.text()).split("\n");
    return Number(lines.find((line) => line.startsWith(`${series} `))?.split(" ")[1]);
  };
  while ((await metric('roomcast_messages_received_total{kind="publish"}')) !== 3) await sleep(100);
  const body = JSON.stringify({ events: [{ name: "n", data }] });
  assert.equal(await metric("roomcast_bytes_received_total"), 3 * body.length);
});
