/** Tests that the commands and options in the pages for operators exist. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, test } from "node:test";
import { promisify } from "node:util";

const run = promisify(execFile);
const ROOT = resolve(import.meta.dirname, "..");
const PAGES = ["deploy", "secrets", "runbook"];
/** Commands of wrangler that have commands of their own. */
const GROUPS = ["secret", "versions", "deployments"];

const read = (page: string): Promise<string> => readFile(join(ROOT, `docs/${page}.md`), "utf8");

/** Returns the output of a command, without colors. */
async function outputOf(file: string, args: string[], cwd = ROOT): Promise<string> {
  const env = { ...process.env, WRANGLER_SEND_METRICS: "false", NO_COLOR: "1", FORCE_COLOR: "0" };
  const { stdout, stderr } = await run(file, args, { cwd, env });
  return stdout + stderr;
}

/** Commands of one tool in the pages: the words after its name, up to a pipe or the end. */
async function commandsOf(tool: string): Promise<string[][]> {
  const text = (await Promise.all(PAGES.map(read))).join("\n");
  const commands = text.matchAll(new RegExp(`${tool} ([^\`\\n|<>)]+)`, "g"));
  return [...commands].map(([, words]) => words!.trim().split(/\s+/));
}

const optionsOf = (words: string[]): string[] =>
  words.filter((word) => /^--[a-z]/.test(word)).map((word) => word.split("=")[0]!);

describe("the pages for operators", () => {
  test("have commands and options of wrangler that exist", async () => {
    const commands = await commandsOf("npx wrangler");
    assert(commands.length > 10);
    const printed = new Map<string, Promise<string>>();
    const helpOf = (...command: string[]): Promise<string> => {
      const key = command.join(" ");
      if (!printed.has(key)) printed.set(key, outputOf("wrangler", [...command, "--help"]));
      return printed.get(key)!;
    };
    const checks = commands.map(async ([name = "", ...words]) => {
      assert((await helpOf()).includes(` wrangler ${name} `), `wrangler has no ${name}`);
      const command = GROUPS.includes(name) ? [name, words.shift() ?? ""] : [name];
      const text = command.length > 1 ? await helpOf(name) : "";
      const key = command.join(" ");
      assert(command.length === 1 || text.includes(` wrangler ${key} `), `wrangler has no ${key}`);
      for (const option of optionsOf(words))
        assert((await helpOf(...command)).includes(` ${option} `), `${key} has no ${option}`);
    });
    await Promise.all(checks);
  });

  test("have commands and options of roomcast that exist", async () => {
    for (const [name, ...words] of await commandsOf("npx roomcast")) {
      const text = await outputOf("node", ["client/src/cli/main.ts", name!, "--help"]);
      for (const option of optionsOf(words))
        assert(text.includes(option), `roomcast ${name} has no ${option}`);
    }
  });
});

describe("the configuration of docs/deploy.md", () => {
  const dryRun = async (config: string): Promise<string> => {
    const directory = await mkdtemp(join(tmpdir(), "roomcast-deploy-"));
    try {
      await writeFile(join(directory, "wrangler.jsonc"), config);
      await writeFile(
        join(directory, "worker.js"),
        "export class RoomObject {}\nexport default { fetch: () => new Response() };",
      );
      return await outputOf("wrangler", ["deploy", "--dry-run", "--env", "staging"], directory);
    } finally {
      await rm(directory, { recursive: true });
    }
  };

  test("gives each environment its rooms, its variables and its domain", async () => {
    const [, json] = /```jsonc\n(\{\n  "name"[\s\S]*?\n\})\n```/.exec(await read("deploy"))!;
    const config = json!.replace("src/worker.ts", "worker.js");
    const { env: _, ...top } = JSON.parse(config);
    const [output, inherited] = await Promise.all([
      dryRun(config),
      dryRun(JSON.stringify({ ...top, env: { staging: {} } })),
    ]);
    assert.match(output, /env\.ROOMS \(RoomObject\)/);
    assert.match(output, /env\.ALLOWED_ORIGINS \("https:\/\/staging\.example\.com"\)/);
    assert.doesNotMatch(output, /WARNING/);
    assert.match(inherited, /"durable_objects" is not inherited/);
    assert.match(inherited, /"vars" is not inherited/);
    assert.match(inherited, /will reassign these custom domains/);
  });
});
