/** A worker of a test, which wraps the built one. */
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { TestContext } from "node:test";

const ROOT = resolve(import.meta.dirname, "../..");

/**
 * Creates a directory with a worker and its configuration, for the option `root` of `Runtime`.
 * `source` imports the built worker from `./roomcast.js`. The directory is removed after the test.
 */
export async function wrappedWorker(t: TestContext, source: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "roomcast-wrapped-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const configuration = await readFile(join(ROOT, "wrangler.toml"), "utf8");
  const main = configuration.replace("build/index.js", "worker.js");
  await writeFile(join(directory, "wrangler.toml"), main);
  await writeFile(join(directory, "worker.js"), source);
  await copyFile(join(ROOT, "build/index.js"), join(directory, "roomcast.js"));
  await copyFile(join(ROOT, "build/index_bg.wasm"), join(directory, "index_bg.wasm"));
  return directory;
}
