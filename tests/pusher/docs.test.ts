/** Runs the settings in docs/pusher.md, with the address of the worker under test. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import Echo from "laravel-echo";
import Sdk from "pusher";
import Pusher from "pusher-js";
import { pythonPath, skipPython } from "../../tools/languages.ts";
import { Runtime } from "../edge/runtime.ts";
import { Inbox } from "./page/inbox.ts";

const docs = readFileSync(new URL("../../docs/pusher.md", import.meta.url), "utf8");
const APPS = block("sh", "PUSHER_APPS='").match(/'(.*)'/)![1]!;

let runtime: Runtime;
before(async () => {
  runtime = await Runtime.start({ vars: { PUSHER_APPS: APPS } });
});
after(() => runtime?.stop());

/** Returns the code block that contains a text. */
function block(language: string, part: string): string {
  const blocks = [...docs.matchAll(new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, "gs"))];
  const [code] = blocks.map(([, code]) => code!).filter((code) => code.includes(part));
  assert(code, `no block has ${part}`);
  return code;
}

/** Returns a code block, changed for a server without TLS. */
function local(language: string, part: string): string {
  const { hostname, port } = new URL(runtime.url);
  return block(language, part)
    .replace("rt.example.com", hostname)
    .replace(/wssPort: \d+,/, "")
    .replace("forceTLS: true", `forceTLS: false, wsPort: ${port}`)
    .replace("useTLS: true", `useTLS: false, port: "${port}"`)
    .replace("ssl=True", `ssl=False, port=${port}`);
}

/** Runs a code block, and returns the value of a name in it. */
function run(code: string, name: string): any {
  const imports = { Pusher, Echo, Sdk };
  const body = `${code.replace(/^import .*$/gm, "")}; return ${name};`;
  return new Function(...Object.keys(imports), body)(...Object.values(imports));
}

const sdk = (): Sdk => run(local("js", "appId").replace("new Pusher(", "new Sdk("), "pusher");

test("the settings of pusher-js and of the SDK for Node", async () => {
  const pusher: Pusher = run(local("js", "new Pusher("), "pusher");
  const inbox = new Inbox();
  pusher.subscribe("news").bind_global((event: string, data: unknown) => inbox.push([event, data]));
  assert.equal((await inbox.next())[0], "pusher:subscription_succeeded");
  await sdk().trigger("news", "published", { id: 1 });
  assert.deepEqual(await inbox.next(), ["published", { id: 1 }]);
  pusher.disconnect();
});

test("the settings of Laravel Echo", async () => {
  for (const broadcaster of ["reverb", "pusher"]) {
    const code = local("js", "new Echo(").replace('"reverb"', `"${broadcaster}"`);
    // Laravel Echo reads the class of pusher-js from the window.
    Object.assign(globalThis, { window: {} });
    const echo: Echo<"reverb"> = run(code, "window.Echo");
    delete (globalThis as any).window;
    const inbox = new Inbox();
    echo
      .channel("news")
      .subscribed(() => inbox.push("subscribed"))
      .listen("Published", (data: unknown) => inbox.push(data));
    assert.equal(await inbox.next(), "subscribed");
    await sdk().trigger("news", "App\\Events\\Published", { id: 1 });
    assert.deepEqual(await inbox.next(), { id: 1 });
    echo.disconnect();
  }
});

test("the settings of the SDK for Python", { skip: skipPython }, async () => {
  const call = 'pusher.trigger("news", "published", {"id": 1})';
  const code = `from pusher import Pusher\n${local("py", "Pusher(")}\n${call}`;
  const child = spawn(pythonPath(), ["-c", code], { stdio: "inherit" });
  assert.deepEqual(await once(child, "close"), [0, null]);
});
