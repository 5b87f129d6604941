import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { create, nextCommands, projectName } from "../create.js";

const HERE = join(import.meta.dirname, "..");
const MAIN = join(HERE, "main.js");

describe("create-roomcast", () => {
  let parent: string;
  beforeEach(() => void (parent = mkdtempSync(join(tmpdir(), "roomcast create-"))));
  afterEach(() => rmSync(parent, { recursive: true }));

  const run = (...args: string[]) =>
    spawnSync(process.execPath, [MAIN, ...args], { cwd: parent, encoding: "utf8" });
  const read = (...path: string[]): string => readFileSync(join(parent, ...path), "utf8");

  it("creates a project with its name, its secret and its .gitignore", () => {
    const { status, stderr } = run("My Chat");
    assert.equal(status, 0, stderr);
    assert.equal(JSON.parse(read("My Chat", "package.json")).name, "my-chat");
    assert.match(read("My Chat", "wrangler.jsonc"), /"name": "my-chat"/);
    assert.match(read("My Chat", ".gitignore"), /^\.dev\.vars\*$/m);
    assert.ok(!readdirSync(join(parent, "My Chat")).includes("gitignore"));
    assert.match(read("My Chat", ".dev.vars"), /^JWT_SECRET="[\w-]{43}"\n$/);
    assert.equal(statSync(join(parent, "My Chat", ".dev.vars")).mode & 0o777, 0o600);
  });

  it("gives each project another secret", () => {
    for (const name of ["one", "two"]) create(join(parent, name));
    assert.notEqual(read("one", ".dev.vars"), read("two", ".dev.vars"));
  });

  it("creates the project in an empty folder", () => {
    mkdirSync(join(parent, "empty"));
    assert.equal(run("empty").status, 0);
    assert.ok(readdirSync(join(parent, "empty")).includes("package.json"));
  });

  it("writes nothing into a folder that is not empty", () => {
    mkdirSync(join(parent, "full"));
    writeFileSync(join(parent, "full", "notes.txt"), "mine");
    const { status, stderr } = run("full");
    assert.equal(status, 1);
    assert.equal(
      stderr,
      "create-roomcast: the folder full is not empty: choose a new or an empty folder\n",
    );
    assert.deepEqual(readdirSync(join(parent, "full")), ["notes.txt"]);
  });

  it("rejects a file, a second directory and an unknown option", () => {
    writeFileSync(join(parent, "file"), "");
    assert.match(run("file").stderr, /^create-roomcast: file is a file: choose/);
    assert.match(run("my", "chat").stderr, /one directory is expected, not 2/);
    assert.match(run("--git").stderr, /^create-roomcast: Unknown option '--git'/);
    assert.deepEqual(readdirSync(parent), ["file"]);
  });

  it("prints its usage with --help", () => {
    const { status, stdout } = run("--help");
    assert.equal(status, 0);
    assert.match(stdout, /npm create roomcast \[directory\]/);
    assert.deepEqual(readdirSync(parent), []);
  });

  it("derives a name that npm and Cloudflare accept", () => {
    assert.equal(projectName("/tmp/chat"), "chat");
    assert.equal(projectName("/tmp/Mein Café_2!"), "mein-cafe-2");
    assert.equal(projectName("/tmp/チャット"), "roomcast-chat");
    assert.equal(projectName(`/tmp/${"a".repeat(62)}-b`), "a".repeat(62));
  });

  it("prints the commands of the package manager that runs it", () => {
    const commands = (agent?: string) => nextCommands("chat", agent).join("; ");
    assert.equal(commands(), "cd chat; npm install; npm run dev");
    assert.equal(commands("npm/11.1.0 node/v22"), "cd chat; npm install; npm run dev");
    assert.equal(commands("pnpm/10.0.0 npm/?"), "cd chat; pnpm install; pnpm run dev");
    assert.equal(commands("yarn/4.5.0 npm/?"), "cd chat; yarn install; yarn run dev");
    assert.equal(commands("bun/1.2.0 npm/?"), "cd chat; bun install; bun run dev");
    assert.equal(nextCommands("my chat", undefined)[0], 'cd "my chat"');
    assert.deepEqual(nextCommands(".", undefined), ["npm install", "npm run dev"]);
  });

  it("packs the template's tracked files, and only those", () => {
    const output = execFileSync("npm", ["pack", "--dry-run", "--json"], { cwd: HERE });
    const [{ files }] = JSON.parse(output.toString());
    const packed = files.map(({ path }: { path: string }) => path);
    const git = (...args: string[]) => execFileSync("git", args, { cwd: HERE }).toString().trim();
    const tracked = git("ls-files", "template").split("\n");
    assert.deepEqual(
      packed.sort(),
      [
        ...["LICENSE-APACHE", "LICENSE-MIT", "README.md", "create.js", "main.js", "package.json"],
        ...tracked.map((path) => path.replace("/.gitignore", "/gitignore")),
      ].sort(),
    );
  });
});
