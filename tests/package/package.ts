/**
 * Installs the packed npm package in an empty folder, as a user would, and bundles a worker with it.
 * The folder has no file of this repository, and its commands find no Rust.
 */
import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { after } from "node:test";
import { promisify } from "node:util";

const run = promisify(execFile);
export const ROOT = resolve(import.meta.dirname, "../..");

/** Commands of the folder: Node, npm, and the npm packages of the repository, such as wrangler. */
const PATH = [dirname(process.execPath), join(ROOT, "node_modules/.bin"), "/usr/bin", "/bin"].join(
  delimiter,
);
export const ENV = { ...process.env, PATH, WRANGLER_SEND_METRICS: "false", CI: "1" };

/** A test, or another owner of a folder, which removes the folder in the end. */
export interface Cleanup {
  after(clean: () => Promise<void>): void;
}

/** Returns the owner of what all tests of a file use. It removes the newest first, after the tests. */
export function fileCleanup(): Cleanup {
  const cleanups: (() => Promise<void>)[] = [];
  after(async () => {
    for (const clean of cleanups.reverse()) await clean();
  });
  return { after: (clean) => void cleanups.push(clean) };
}

const tarballs = new Map<string, Promise<string>>();

/** Packs an npm package of this repository once, and returns the path of the tarball. */
export function pack(folder = "client"): Promise<string> {
  const packed = tarballs.get(folder) ?? packNow(folder);
  tarballs.set(folder, packed);
  return packed;
}

async function packNow(folder: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "roomcast-pack-"));
  process.once("exit", () => rmSync(directory, { recursive: true, force: true }));
  // The client was built before the tests, so its script `prepack` is not needed.
  const scripts = folder === "client" ? ["--ignore-scripts"] : [];
  const args = ["pack", "--json", ...scripts, "--pack-destination", directory];
  const { stdout } = await run("npm", args, { cwd: join(ROOT, folder) });
  return join(directory, JSON.parse(stdout.slice(stdout.indexOf("[")))[0].filename);
}

/** Creates an empty folder that is removed after the test. */
export async function emptyFolder(t: Cleanup): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "roomcast app "));
  // Node runs the cleanups in the order of their creation, so a server may still write to the folder.
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 20 }));
  return folder;
}

/** Runs a command in the folder, and returns its output. */
export const runIn = (folder: string, command: string, ...args: string[]): Promise<string> =>
  runWith({}, folder, command, ...args);

/** Runs a command in the folder with additional environment variables. */
export async function runWith(
  variables: NodeJS.ProcessEnv,
  folder: string,
  command: string,
  ...args: string[]
): Promise<string> {
  const { stdout, stderr } = await run(command, args, {
    cwd: folder,
    env: { ...ENV, ...variables },
  });
  return stdout + stderr;
}

/** Installs the packed package in the folder, and wrangler as a link, which is quicker. */
export async function install(folder: string): Promise<void> {
  await writeFile(join(folder, "package.json"), JSON.stringify({ name: "chat", type: "module" }));
  await runIn(folder, "npm", "install", "--prefer-offline", await pack());
  await symlink(join(ROOT, "node_modules/wrangler"), join(folder, "node_modules/wrangler"));
}

const CONFIGURATION = {
  name: "chat",
  main: "worker.ts",
  compatibility_date: "2026-10-01",
  durable_objects: { bindings: [{ name: "ROOMS", class_name: "RoomObject" }] },
  migrations: [{ tag: "v1", new_sqlite_classes: ["RoomObject"] }],
  services: [{ binding: "SERVICE", service: "chat", entrypoint: "RoomService" }],
};

/** Creates a project with the worker `tests/package/workers/{worker}.ts`. */
export async function project(t: Cleanup, worker: string): Promise<string> {
  const folder = await emptyFolder(t);
  await install(folder);
  await copyFile(join(import.meta.dirname, `workers/${worker}.ts`), join(folder, "worker.ts"));
  await writeFile(join(folder, "wrangler.jsonc"), JSON.stringify(CONFIGURATION));
  return folder;
}

/**
 * Bundles the project's worker as a deploy would. Returns a folder that `Runtime` can run: it has
 * the bundle and a `wrangler.toml`.
 */
export async function bundle(folder: string): Promise<string> {
  await runIn(folder, "wrangler", "deploy", "--dry-run", "--outdir", "out");
  const { compatibility_date } = JSON.parse(await readFile(join(folder, "wrangler.jsonc"), "utf8"));
  const root = join(folder, "bundle");
  await mkdir(root);
  const settings = [
    'main = "../out/worker.js"',
    `compatibility_date = "${compatibility_date}"`,
    "[[durable_objects.bindings]]",
    'name = "ROOMS"',
    'class_name = "RoomObject"',
  ];
  await writeFile(join(root, "wrangler.toml"), settings.join("\n"));
  return root;
}
