/**
 * Creates a project in an empty folder with the commands of the packed package, and uses it. The
 * commands find no Rust and no file of this repository.
 */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { Socket } from "../edge/client.ts";
import { dev } from "./dev.ts";
import { emptyFolder, install, project, runIn } from "./package.ts";

test("an empty folder becomes a worker that is served, used and ready to deploy", async (t) => {
  const folder = await emptyFolder(t);
  await assert.rejects(runIn(folder, "cargo", "--version"), "Rust must not be found");
  await install(folder);
  await runIn(folder, "npx", "roomcast", "init");
  assert.match(await runIn(folder, "npx", "roomcast", "init"), /Nothing to do/);
  const worker = await readFile(join(folder, "src/worker.js"), "utf8");
  assert.match(worker, /^export \{ RoomObject, default \} from "roomcast\/worker";$/m);

  const url = await dev(t, folder, ["npx", "roomcast", "dev"]);
  const args = ["token", "--user", "ann", "--room", "chat:*", "--can", "subscribe,publish"];
  const token = (await runIn(folder, "npx", "roomcast", ...args)).trim();
  const socket = await Socket.open(`${url}/rooms/chat:1/events`, { token });
  await socket.until("welcome");
  const published = await fetch(`${url}/rooms/chat:1/events`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify({ name: "said", data: "hello" }),
  });
  assert.equal(published.status, 201);
  const { events } = await socket.until("events");
  assert.deepEqual([events[0].data, events[0].from], ["hello", "ann"]);

  const page = await (await fetch(`${url}/console`)).text();
  const [, script] = /src="\.(\/console\/[^"]+\.js)"/.exec(page)!;
  assert.equal((await fetch(url + script)).status, 200);

  const deployed = await runIn(folder, "npx", "roomcast", "deploy", "--dry-run");
  assert.match(deployed, /env\.ROOMS \(RoomObject\)/);
});

test("a worker of its own has exact types", async (t) => {
  const folder = await project(t, "own");
  await runIn(folder, "wrangler", "types");
  const compilerOptions = {
    target: "es2024",
    lib: ["es2024"],
    module: "esnext",
    moduleResolution: "bundler",
    types: ["./worker-configuration.d.ts"],
    strict: true,
    noEmit: true,
  };
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions }));
  const bindings = `
    import { publish } from "roomcast/worker";
    export const both = ({ ROOMS, SERVICE }: Cloudflare.Env) =>
      [ROOMS, SERVICE].map((rooms) => publish(rooms, "a", { name: "said", data: 1 }));`;
  await writeFile(join(folder, "bindings.ts"), bindings);
  await runIn(folder, "tsc");

  // The types are not `any`, so the compiler finds a wrong right and a wrong result.
  const worker = await readFile(join(folder, "worker.ts"), "utf8");
  for (const [right, wrong] of [
    ['"presence"] as const', '"enter"] as const'],
    ["return { refuse: `", "return { reject: `"],
    ["publish(rooms, room, JSON", "publish(room, room, JSON"],
  ] as const) {
    assert(worker.includes(right), right);
    await writeFile(join(folder, "worker.ts"), worker.replace(right, wrong));
    await assert.rejects(runIn(folder, "tsc"), wrong);
  }
});
