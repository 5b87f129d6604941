/** Runs each example twice against the worker on workerd, and compares its output. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, beforeEach, test } from "node:test";
import { claims, sign } from "../tests/edge/jwt.ts";
import { Runtime, SECRET } from "../tests/edge/runtime.ts";
import { pythonPath, requirePhp, skipPhp, skipPython } from "../tools/languages.ts";

const token = sign(claims("backend", ["publish", "subscribe", "admin"]), SECRET);
const refusal = "bad_request: `name` must be a string of 1 to 200 characters";

let runtime: Runtime;
before(async () => {
  runtime = await Runtime.start();
});
after(() => runtime.stop());
beforeEach(async () => {
  const headers = { authorization: `Bearer ${token}` };
  await fetch(`${runtime.url}/rooms/shipments:42`, { method: "DELETE", headers });
});

test("the Node example publishes once, reads, and prints the error", async () => {
  await publishesOnce(process.execPath, path("node/publish.mjs"));
});

test(
  "the Python example publishes once, reads, and prints the error",
  { skip: skipPython },
  async () => {
    await publishesOnce(pythonPath(), path("python/publish.py"));
  },
);

test("the PHP example publishes once, reads, and prints the error", { skip: skipPhp }, async () => {
  requirePhp();
  await publishesOnce("php", path("php/publish.php"));
});

test("the Rust example publishes once, reads, and prints the error", async () => {
  const target = path("../target/examples");
  const options = ["--quiet", "--locked", "--no-default-features", "--target-dir", target];
  const manifest = ["--manifest-path", path("rust/Cargo.toml")];
  execFileSync("cargo", ["build", ...options, ...manifest], { stdio: "inherit" });
  await publishesOnce(join(target, "debug/publish"));
});

test("the curl example publishes once, reads, and prints the error", async () => {
  for (let run = 1; run <= 2; run++) {
    const [published, read, error, end] = await output("sh", path("curl/publish.sh"));
    const { epoch, ...answer } = JSON.parse(published!);
    assert.deepEqual(answer, { room: "shipments:42", seqs: [1] });
    const { events, ...page } = JSON.parse(read!);
    assert.deepEqual(page, { room: "shipments:42", epoch, prev: 0, head: 1 });
    assert.deepEqual([events.length, events[0].data], [1, { status: "delivered" }]);
    assert.equal(JSON.parse(error!).error.code, "bad_request");
    assert.equal(end, "curl exits with 22");
  }
});

/** Runs a command twice. The second run publishes the same id, which appends nothing. */
async function publishesOnce(command: string, ...args: string[]): Promise<void> {
  for (let run = 1; run <= 2; run++) {
    const [published, read, error, ...more] = await output(command, ...args);
    assert.equal(published, "published as seq 1");
    assert.equal(read, "read 1 shipment:updated delivered");
    assert(error?.startsWith(refusal), error);
    assert.deepEqual(more, []);
  }
}

/** Runs a command, and returns the lines of its output. */
async function output(command: string, ...args: string[]): Promise<string[]> {
  const env = {
    ...process.env,
    ROOMCAST_URL: runtime.url,
    ROOMCAST_TOKEN: token,
    JWT_SECRET: SECRET,
  };
  const child = spawn(command, args, { env, timeout: 30_000 });
  const texts = Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = await once(child, "close");
  const [printed, errors] = await texts;
  assert.equal(code, 0, printed + errors);
  return printed.trimEnd().split("\n");
}

function path(file: string): string {
  return join(import.meta.dirname, file);
}
