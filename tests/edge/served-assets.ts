/**
 * Runs the built worker beside static assets with `wrangler dev`, whose asset worker is the one of
 * Cloudflare.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { dev } from "../package/dev.ts";
import type { Cleanup } from "../package/package.ts";
import { SECRET } from "./runtime.ts";

const ROOT = resolve(import.meta.dirname, "../..");

interface Options {
  /** Texts of the assets by path, or the path of their directory. */
  assets: Record<string, string> | string;
  /** Further variables of the worker. */
  vars?: Record<string, unknown>;
  /** Further settings of `assets` in the configuration. */
  settings?: Record<string, unknown>;
  /** Source of the worker, which imports the built worker from `roomcast`. */
  source?: string;
}

/** Starts the worker, and returns its URL. The worker ends after the test. */
export async function serveAssets(
  t: Cleanup,
  { assets, vars, settings, source }: Options,
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "roomcast-assets-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  let directory = join(folder, "assets");
  if (typeof assets === "string") directory = assets;
  else await writeAll(directory, assets);
  if (source !== undefined) await writeFile(join(folder, "worker.js"), source);
  const wrangler = await readFile(join(ROOT, "wrangler.toml"), "utf8");
  const config = {
    name: "roomcast-assets",
    main: source === undefined ? join(ROOT, "build/index.js") : "worker.js",
    compatibility_date: /^compatibility_date\s*=\s*"(.*)"/m.exec(wrangler)![1],
    durable_objects: { bindings: [{ name: "ROOMS", class_name: "RoomObject" }] },
    migrations: [{ tag: "v1", new_sqlite_classes: ["RoomObject"] }],
    assets: {
      directory,
      binding: "ASSETS",
      run_worker_first: JSON.parse(/^run_worker_first\s*=\s*(.*)/m.exec(wrangler)![1]!),
      ...settings,
    },
    vars: { JWT_SECRET: SECRET, ...vars },
  };
  await writeFile(join(folder, "wrangler.json"), JSON.stringify(config));
  return dev(t, folder, ["wrangler", "dev", "--ip", "127.0.0.1"]);
}

async function writeAll(directory: string, files: Record<string, string>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), text);
  }
}
