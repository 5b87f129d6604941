/**
 * Follows docs/quickstart.md. The commands run as written, and the code is written to the files that
 * the page names. Only `wrangler login` needs an account, so a dry run replaces the deploy.
 */
import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { before, test } from "node:test";
import { Socket } from "../edge/client.ts";
import { dev, serve } from "./dev.ts";
import { emptyFolder, fileCleanup, ROOT, runIn, runWith } from "./package.ts";
import { startRegistry } from "./registry.ts";

interface Block {
  /** Heading above the block. */
  section: string;
  language: string;
  text: string;
}

/** Returns the code blocks of the page, in order. */
function blocksOf(page: string): Block[] {
  const blocks: Block[] = [];
  let section = "";
  let block: Block | undefined;
  for (const line of page.split("\n")) {
    const [, language] = /^```(\w*)$/.exec(line) ?? [];
    if (block && line === "```") block = void blocks.push(block);
    else if (block) block.text += `${line}\n`;
    else if (language !== undefined) block = { section, language, text: "" };
    else if (line.startsWith("#")) section = line.replace(/^#+ /, "");
  }
  return blocks;
}

const blocks = blocksOf(await readFile(join(ROOT, "docs/quickstart.md"), "utf8"));

const blocksIn = (section: string, language: string): string[] =>
  blocks
    .filter((block) => block.section === section && block.language === language)
    .map(({ text }) => text);

const commandsIn = (section: string): string[] =>
  blocksIn(section, "sh").flatMap((text) => text.trim().split("\n"));

let registry: NodeJS.ProcessEnv;
const owner = fileCleanup();

before(async () => {
  registry = { npm_config_registry: await startRegistry(owner), npm_config_yes: "true" };
});

/** Runs a command of the page. Its packages come from the registry of this test. */
const type = (folder: string, command: string): Promise<string> =>
  runWith(registry, folder, "sh", "-c", command);

/** Applies a diff of the page: replaces the old lines, which must occur once, by the new lines. */
async function apply(folder: string, diff: string): Promise<void> {
  const [, file] = /^\+\+\+ b\/(\S+)$/m.exec(diff) ?? [];
  const lines = diff
    .split("\n")
    .filter((line) => /^[ +-]/.test(line) && !/^(\+\+\+|---) /.test(line));
  const side = (kept: string): string =>
    lines
      .filter((line) => line[0] === " " || line[0] === kept)
      .map((line) => line.slice(1))
      .join("\n");
  const text = await readFile(join(folder, file!), "utf8");
  assert.equal(text.split(side("-")).length, 2, `the old lines of ${file} must occur once`);
  await writeFile(
    join(folder, file!),
    text.replace(side("-"), () => side("+")),
  );
}

/** Writes a block to the file that its first line names. */
async function writeBlock(folder: string, block: string): Promise<void> {
  const [, file] = /^\/\/ (\S+)\n/.exec(block) ?? [];
  assert(file, `the block names no file: ${block}`);
  await mkdir(dirname(join(folder, file)), { recursive: true });
  await writeFile(join(folder, file), block);
}

test("a chat is created, started, changed and built", async (t) => {
  let folder = await emptyFolder(t);
  for (const command of commandsIn("Start it")) {
    if (command.startsWith("cd ")) folder = join(folder, command.slice(3));
    else if (command !== "npm run dev") await type(folder, command);
  }
  const url = (await serve(t, folder, ["npm", "run", "dev"], /Local:\s+(http:\S+?)\/\s/)).replace(
    "localhost",
    "127.0.0.1",
  );
  const answer = await fetch(`${url}/api/token`, { method: "POST", body: "ann" });
  const socket = await Socket.open(`${url}/realtime/rooms/chat:lobby/events`, {
    token: await answer.text(),
  });
  await socket.until("welcome");
  socket.send({ type: "publish", name: "message", data: { text: "Hello" } });
  assert.deepEqual((await socket.until("events")).events[0].data, { text: "Hello" });

  for (const diff of blocksIn("Change something", "diff")) await apply(folder, diff);
  const [login, ...deploy] = commandsIn("Deploy it");
  assert.equal(login, "npx wrangler login");
  for (const command of deploy) {
    await type(folder, command === "npx roomcast deploy" ? `${command} --dry-run` : command);
  }
});

test("Roomcast is added to an app", async (t) => {
  const folder = await emptyFolder(t);
  const manifest = { name: "app", private: true, type: "module" };
  await writeFile(join(folder, "package.json"), JSON.stringify(manifest));
  for (const command of [...commandsIn("The worker"), ...commandsIn("The token")]) {
    if (command !== "npx roomcast dev") await type(folder, command);
  }
  const url = await dev(t, folder, ["npx", "roomcast", "dev"]);
  assert.equal(await (await fetch(`${url}/healthz`)).text(), "ok");

  await type(folder, "npm install react@19 @types/react@19 @types/node@22");
  const code = ["ts", "tsx"].flatMap((language) => [
    ...blocksIn("The token", language),
    ...blocksIn("The page", language),
  ]);
  assert.equal(code.length, 2);
  for (const block of code) await writeBlock(folder, block);
  const compilerOptions = {
    target: "es2022",
    lib: ["es2023", "dom", "dom.iterable"],
    module: "esnext",
    moduleResolution: "bundler",
    jsx: "react-jsx",
    types: ["node"],
    strict: true,
    noEmit: true,
  };
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions }));
  await runIn(folder, "tsc");
});
