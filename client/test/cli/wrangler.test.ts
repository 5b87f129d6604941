/** Runs the commands with the real wrangler, and a stand-in for `roomcast/worker`. */
import assert from "node:assert/strict";
import { mkdirSync, symlinkSync } from "node:fs";
import { describe, it, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { FakeCloudflare } from "./fake-cloudflare.ts";
import { Project } from "./project.ts";

const WRANGLER = fileURLToPath(new URL("../../../node_modules/wrangler", import.meta.url));

/** Answers each request with its URL and the length of the secret, from the object of a room. */
const STAND_IN = `import { DurableObject } from "cloudflare:workers";
export class RoomObject extends DurableObject {
  fetch(request) {
    const { pathname } = new URL(request.url);
    return Response.json({ pathname, secret: this.env.JWT_SECRET?.length });
  }
}
export const createRoomcast = () => ({ RoomObject, route: () => null });
export default {
  fetch: (request, env) => env.ROOMS.get(env.ROOMS.idFromName("room")).fetch(request),
};
`;
const MANIFEST = { name: "roomcast", type: "module", exports: { "./worker": "./worker.js" } };

function createProject(t: TestContext, files: Record<string, string> = {}): Project {
  const project = new Project(t, {
    ...files,
    "node_modules/roomcast/package.json": JSON.stringify(MANIFEST),
    "node_modules/roomcast/worker.js": STAND_IN,
    "node_modules/roomcast/dist/assets/console.html": "<!doctype html>",
  });
  mkdirSync(project.path("node_modules"), { recursive: true });
  symlinkSync(WRANGLER, project.path("node_modules/wrangler"));
  return project;
}

const env = { WRANGLER_SEND_METRICS: "false" };

describe("roomcast deploy --dry-run", () => {
  const worker = `import { createRoomcast } from "roomcast/worker";
export const { RoomObject } = createRoomcast();
export default { fetch: () => new Response() };
`;
  for (const [name, files] of [
    ["a new project", {}],
    ["a new project in TypeScript", { "tsconfig.json": "{}" }],
    [
      "a configuration with other objects and comments",
      {
        "wrangler.json": `{
  "main": "worker.js", /* ours */
  "migrations": [], // none yet
  "durable_objects": { }
}`,
        "worker.js": worker,
      },
    ],
  ] as const) {
    it(`accepts ${name}`, async (t) => {
      const project = createProject(t, files);
      await project.run(["init"]);
      const { exitCode, stdout, stderr } = await project.run(["deploy", "--dry-run"], { env });
      assert.deepEqual([exitCode, stderr], [0, ""]);
      assert.match(stdout, /env\.ROOMS \(RoomObject\) +Durable Object/);
    });
  }
});

it("the first roomcast deploy uploads the secret of .prod.vars with the worker", async (t) => {
  const project = createProject(t);
  await project.run(["init"]);
  const cloudflare = await FakeCloudflare.start(t);
  const { exitCode, stdout, stderr } = await project.run(["deploy", "--yes"], {
    env: { ...env, ...cloudflare.env, JWT_SECRET: "the secret of another program on this machine" },
  });
  assert.equal(exitCode, 0, stderr);
  const [, secret] = /^JWT_SECRET="(.{43})"$/m.exec(project.read(".prod.vars"))!;
  assert.equal(cloudflare.uploads.length, 1);
  assert.deepEqual(cloudflare.uploads[0]!.bindings, [
    { name: "JWT_SECRET", type: "secret_text", text: secret },
    { name: "ROOMS", type: "durable_object_namespace", class_name: "RoomObject" },
    { name: "ASSETS", type: "assets" },
  ]);
  assert.match(stdout, /curl https:\/\/my-chat\.acme\.workers\.dev\/rooms\/try:1\/events/);
});

it("roomcast dev serves a new project with its secret, and ends with SIGTERM", async (t) => {
  const project = createProject(t);
  await project.run(["init"]);
  const { child, outcome, prints } = project.start(["dev", "--port", "0"], { env });
  t.after(() => child.kill("SIGKILL"));
  const [, url] = await prints(/Ready on (http:\/\/\S+)/);
  const response = await fetch(`${url}/rooms/try:1/events`);
  assert.deepEqual(await response.json(), { pathname: "/rooms/try:1/events", secret: 43 });
  child.kill("SIGTERM");
  await outcome;
});
