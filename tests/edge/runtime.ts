/**
 * Runs the built worker on workerd, without a proxy, so a test receives exactly the bytes that the
 * worker sends. If a test kills the process, the storage directory remains.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createHash, createHmac } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative, resolve } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { registerSecret, assertNoSecret } from "./secrets.ts";

/**
 * Path of the workerd binary, not of the script that wraps it. Killing the script would not kill
 * workerd.
 */
const workerd: string = createRequire(import.meta.url)("workerd").default;

/**
 * Directory of the `wrangler.toml`. With `ROOMCAST_ROOT`, the tests can run another implementation
 * of the protocol.
 */
const ROOT = process.env.ROOMCAST_ROOT ?? resolve(import.meta.dirname, "../..");

/** Path below which the worker under test has its routes. */
const BASE_PATH = process.env.ROOMCAST_BASE_PATH ?? "";

/** Matches log lines of a worker that has trapped or does not answer. */
const BROKEN = /RuntimeError|WebAssembly trapped|code had hung/;

/** Key of the objects' namespace. The ids of the objects depend on it. */
const UNIQUE_KEY = "rooms";

export const SECRET = registerSecret("a secret of the tests, of more than 32 bytes");

export interface Options {
  /**
   * The worker's variables and secrets. By default, `JWT_SECRET` is `SECRET`. An object is a table,
   * as in `wrangler.toml`.
   */
  vars?: Record<string, string | object> | undefined;
  /** Value of `ROOM_SETTINGS`: the settings by room pattern. */
  settings?: Record<string, Record<string, number | boolean | string>> | undefined;
  /** Value of `PUBLIC_ROOMS`: the patterns of the public rooms. */
  publicRooms?: string[] | undefined;
  /**
   * Directory of another worker's `wrangler.toml`. The benchmark uses this option to run the
   * workers that it compares with Roomcast.
   */
  root?: string | undefined;
  /** Directory of static assets, which the worker reads by the binding `ASSETS`. */
  assets?: string | undefined;
}

/**
 * Settings for tests that evict a room at any moment. An eviction within a batch window would lose
 * the pending frame. Normal hibernation never loses the frame, because the window's timer keeps the
 * object in memory.
 */
export const NO_WINDOWS = { "*": { frame_window_ms: 0 } };

/**
 * Maximum time until the session of a lost socket ends. The runtime does not report some sockets
 * that are reset right after they open. The ping timeout ends the sessions of these sockets after
 * two ping periods and 15 s. The constant adds 25 s for a busy machine.
 */
export const GONE_WITHIN_MS = 65_000 + 25_000;

/** Maximum number of sockets that one request opens. */
const SOCKETS_PER_REQUEST = 1_000;

/** Options for the storage, the network and the log of a runtime. Each option has a default. */
export interface Place {
  /** Directory of the storage. The default is a new directory. */
  storage?: string | undefined;
  /**
   * Network namespace in which workerd runs, and address on which workerd listens. The default is
   * the loopback address.
   */
  host?: { namespace: string; address: string } | undefined;
  /** Path below which the worker has its routes. */
  basePath?: string | undefined;
  /** File descriptor for the log. */
  log?: number | undefined;
}

export class Runtime {
  readonly #directory: string;
  readonly #place: Place;
  /**
   * Ports by socket name. The first start chooses the ports, and every restart uses the same ports.
   */
  readonly #ports = new Map<string, number>();
  /**
   * Responses of `openSockets`. The sockets stay open as long as this list references the
   * responses.
   */
  readonly #openResponses: unknown[] = [];
  #process: ChildProcess | undefined;
  /** Output of all processes so far. */
  #output = "";
  /** Kills workerd if the test process exits early. */
  readonly #killOnExit = (): void => void this.#process?.kill("SIGKILL");

  private constructor(directory: string, place: Place) {
    this.#directory = directory;
    this.#place = place;
    process.once("exit", this.#killOnExit);
  }

  static async start(options: Options & Place = {}): Promise<Runtime> {
    const directory = await mkdtemp(join(tmpdir(), "roomcast-"));
    await mkdir(join(directory, "storage"));
    const runtime = new Runtime(directory, options);
    await runtime.deploy(options);
    return runtime;
  }

  /** Restarts the worker with these variables and settings, on the same storage. */
  async deploy({
    vars = { JWT_SECRET: SECRET },
    settings,
    publicRooms,
    root = ROOT,
    assets,
  }: Options = {}): Promise<void> {
    await this.kill();
    const all = {
      ...vars,
      ...(settings && { ROOM_SETTINGS: JSON.stringify(settings) }),
      ...(publicRooms && { PUBLIC_ROOMS: JSON.stringify(publicRooms) }),
    };
    const path = join(this.#directory, "config.capnp");
    const place = { storage: this.#storage, address: this.#address, assets };
    await writeFile(path, await configuration(root, place, all));
    await this.restart();
  }

  get url(): string {
    return `http://${this.#address}:${this.#ports.get("http")}${this.#place.basePath ?? BASE_PATH}`;
  }

  /** Id of the running process. */
  get pid(): number {
    const { pid } = this.#process ?? {};
    if (pid === undefined) throw new Error("workerd is not running");
    return pid;
  }

  get #address(): string {
    return this.#place.host?.address ?? "127.0.0.1";
  }

  get #storage(): string {
    return this.#place.storage ?? join(this.#directory, "storage");
  }

  /**
   * Stops the process. Checks that the worker trapped only if the test made it trap, and that it
   * logged no secret.
   */
  async stop({ trapped = false } = {}): Promise<void> {
    await this.kill();
    process.off("exit", this.#killOnExit);
    await rm(this.#directory, { recursive: true, force: true });
    assertNoSecret(this.#output);
    (trapped ? assert.match : assert.doesNotMatch)(this.#output, BROKEN);
  }

  /** Sends SIGKILL, so that no handler of the worker runs and no buffer is flushed. */
  async kill(): Promise<void> {
    const running = this.#process;
    this.#process = undefined;
    if (!running) return;
    const closed = once(running, "close");
    if (running.kill("SIGKILL")) await closed;
  }

  /** Starts the process on the same storage and the same ports. */
  async restart(): Promise<void> {
    const addresses = [...this.#ports].map(
      ([socket, port]) => `--socket-addr=${socket}=${this.#address}:${port}`,
    );
    // `--import-path=/` lets the configuration embed files by absolute path.
    const args = ["serve", "--experimental", "--control-fd=3", "--import-path=/", ...addresses];
    const { host, log = "pipe" } = this.#place;
    const enter = host ? ["ip", "netns", "exec", host.namespace] : [];
    const config = join(this.#directory, "config.capnp");
    const [command = workerd, ...rest] = [...enter, workerd, ...args, config];
    const child = spawn(command, rest, { stdio: ["ignore", log, log, "pipe"] });
    this.#process = child;
    for (const output of [child.stdout, child.stderr]) {
      output?.setEncoding("utf8").on("data", (text: string) => {
        this.#output += text;
        process.stderr.write(text);
      });
    }
    const reports = createInterface({ input: child.stdio[3] as NodeJS.ReadableStream });
    const listening = new Set<string>();
    for await (const line of reports) {
      const report = JSON.parse(line);
      this.#ports.set(report.socket, report.port);
      if (listening.add(report.socket).size === 2) return;
    }
    throw new Error(
      `workerd exited with ${child.exitCode ?? child.signalCode} before it listened on its ports`,
    );
  }

  /** Waits until the log contains `text` at least `times` times. */
  async waitForLog(text: string, times: number, timeoutMs: number): Promise<void> {
    const count = (): number => this.#output.split(text).length - 1;
    for (const end = Date.now() + timeoutMs; count() < times; await sleep(50))
      assert(Date.now() < end, `the log has ${text} ${count()} times, not ${times}`);
  }

  /** Returns the entries of the log with this event. */
  logged(event: string): Record<string, unknown>[] {
    const lines = this.#output.split("\n").filter((line) => line.startsWith('{"level":'));
    const entries = lines.map((line) => JSON.parse(line));
    return entries.filter((entry) => entry.event === event);
  }

  /** Returns the SQLite file of each room. The files are in use while the process runs. */
  async databases(): Promise<string[]> {
    const files = await readdir(this.#storage, { recursive: true });
    const ofRooms = files.filter(
      (file) => /[0-9a-f]{64}\.sqlite$/.test(file) && !DIRECTORY_FILES.includes(basename(file)),
    );
    return ofRooms.map((file) => join(this.#storage, file));
  }

  /** Returns the resident memory of the process, in MB. */
  async residentMb(): Promise<number> {
    const ps = spawn("ps", ["-o", "rss=", "-p", String(this.pid)]);
    let kib = "";
    for await (const text of ps.stdout) kib += text;
    return (Number(kib) * 1024) / 1e6;
  }

  /**
   * Evicts the room's object from memory, as the runtime does after 10 idle seconds. The room's
   * sockets stay open, and the object's fields are lost. Returns whether the room was in memory. An
   * eviction never loads a room, so the result also shows whether an earlier request has loaded the
   * room.
   */
  evict(room: string): Promise<boolean> {
    return this.#evict(room, "hibernate");
  }

  /** Calls `evict`, but returns false if pending work keeps the room in memory. */
  async evictIfIdle(room: string): Promise<boolean> {
    try {
      return await this.evict(room);
    } catch (error) {
      if (String(error).includes("it still has active references")) return false;
      throw error;
    }
  }

  /** Waits until an alarm loads the room, and evicts it. A request would load the room itself. */
  async evictOnceLoaded(room: string, withinMs: number): Promise<void> {
    for (const end = Date.now() + withinMs; !(await this.evictIfIdle(room)); await sleep(50))
      assert(Date.now() < end, `no alarm has loaded ${room} within ${withinMs} ms`);
  }

  /** Evicts the room's object and closes its sockets, as the runtime does when it moves an object. */
  async evictAndClose(room: string): Promise<void> {
    await this.#evict(room, "close");
  }

  #control(room: string): string {
    return `http://${this.#address}:${this.#ports.get("control")}/${encodeURIComponent(room)}`;
  }

  async #evict(room: string, webSockets: "hibernate" | "close"): Promise<boolean> {
    const answer = await fetch(`${this.#control(room)}?webSockets=${webSockets}`);
    const text = await answer.text();
    if (!answer.ok) throw new Error(`evicting ${room}: ${text}`);
    return text === "evicted";
  }

  /**
   * Opens sockets to a room from inside the workerd process, where sockets need no file
   * descriptors. The sockets pass through the worker under test, and stay open as long as the
   * process runs.
   */
  async openSockets(room: string, token: string, sockets: number): Promise<void> {
    // One request for all sockets would take so long that its idle connection could time out.
    for (let left = sockets; left > 0; left -= SOCKETS_PER_REQUEST)
      await this.#openBatch(room, token, Math.min(left, SOCKETS_PER_REQUEST));
  }

  async #openBatch(room: string, token: string, sockets: number): Promise<void> {
    const answer = await fetch(`${this.#control(room)}?sockets=${sockets}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    const reader = answer.body?.getReader();
    this.#openResponses.push(reader);
    const first = await reader?.read();
    const text = new TextDecoder().decode(first?.value);
    if (text !== "opened") throw new Error(`opening ${sockets} sockets: ${answer.status} ${text}`);
  }
}

/** Number of objects of the directory (`src/directory.rs`), which have the class of a room. */
const SHARDS = 8;
const DIRECTORY_FILES = Array.from({ length: SHARDS }, (_, shard) => fileOf(`directory/${shard}`));

/** Returns the name of the file of an object, which contains the id that workerd computes. */
function fileOf(name: string): string {
  const key = createHash("sha256").update(UNIQUE_KEY).digest();
  const hmac = (data: string | Buffer): Buffer =>
    createHmac("sha256", key).update(data).digest().subarray(0, 16);
  const hash = hmac(name);
  return `${Buffer.concat([hash, hmac(hash)]).toString("hex")}.sqlite`;
}

/**
 * Source of a second worker in the same process as the worker under test. The second worker may use
 * `workerd:unsafe`.
 */
const CONTROL = `
import unsafe from "workerd:unsafe";
const crowd = async (request, worker, room, sockets) => {
  const { readable, writable } = new TransformStream();
  const writer = writable.getWriter();
  const headers = { authorization: request.headers.get("authorization"), upgrade: "websocket" };
  const url = "http://roomcast/rooms/" + encodeURIComponent(room) + "/events?state=0";
  const opened = (async () => {
    for (let left = sockets; left > 0; left -= 100) {
      const some = Array.from({ length: Math.min(left, 100) }, async () => {
        const { webSocket } = await worker.fetch(url, { headers });
        webSocket.accept();
      });
      await Promise.all(some);
    }
    await writer.write(new TextEncoder().encode("opened"));
    await writer.closed;
  })();
  opened.catch((error) => writer.abort(error));
  return new Response(readable);
};
export default {
  async fetch(request, { ROOMS, WORKER }) {
    const url = new URL(request.url);
    const room = decodeURIComponent(url.pathname.slice(1));
    const sockets = Number(url.searchParams.get("sockets"));
    if (sockets > 0) return crowd(request, WORKER, room, sockets);
    const webSockets = url.searchParams.get("webSockets");
    try {
      await unsafe.evict(ROOMS.getByName(room), { webSockets });
      return new Response("evicted");
    } catch (error) {
      if (error.message.includes("not currently running")) return new Response("not loaded");
      return new Response(error.message, { status: 500 });
    }
  },
};`;

/**
 * Source of the worker behind the binding `ASSETS`. It finds files as Cloudflare's does by default,
 * and is much faster than that of `wrangler dev` (`served-assets.ts`).
 */
const ASSETS = `
const TYPES = { html: "text/html; charset=utf-8", js: "text/javascript; charset=utf-8", css: "text/css; charset=utf-8" };
export default {
  async fetch(request, { FILES }) {
    const { pathname } = new URL(request.url);
    const path = /\\.\\w+$/.test(pathname) ? pathname : pathname + ".html";
    const file = await FILES.fetch("http://files" + path);
    if (!file.ok) return new Response(null, { status: 404 });
    return new Response(file.body, { headers: { "content-type": TYPES[path.split(".").pop()] } });
  },
};`;

/** Returns the services and the binding of static assets. */
function assetServices(date: string, directory: string | undefined) {
  if (directory === undefined) return { binding: "", services: "" };
  return {
    binding: `(name = "ASSETS", service = "assets"),`,
    services: `
    (name = "assets", worker = (
      compatibilityDate = ${date},
      modules = [(name = "assets.js", esModule = ${capnp(ASSETS)})],
      bindings = [(name = "FILES", service = "files")],
    )),
    (name = "files", disk = (path = ${capnp(directory)}, writable = false)),`,
  };
}

async function configuration(
  root: string,
  { storage, address, assets }: { storage: string; address: string; assets: string | undefined },
  vars: Record<string, string | object>,
): Promise<string> {
  // A deploy reads the same `wrangler.toml`, so the tests run the worker that would be deployed.
  const wrangler = await readFile(join(root, "wrangler.toml"), "utf8");
  const setting = (pattern: RegExp): string => {
    const value = wrangler.match(pattern)?.[1];
    if (value === undefined) throw new Error(`wrangler.toml does not match ${pattern}`);
    return value;
  };
  const main = join(root, setting(/^main\s*=\s*"([^"]*)"/m));
  const date = capnp(setting(/^compatibility_date\s*=\s*"([^"]*)"/m));
  const room = capnp(setting(/\bclass_name\s*=\s*"([^"]*)"/));
  const rooms = capnp(setting(/\bname\s*=\s*"([^"]*)"\s*,?\s*class_name\b/));
  const { binding, services } = assetServices(date, assets);
  const bindings = Object.entries(vars).map(([name, value]) => {
    const [kind, text] =
      typeof value === "string" ? ["text", value] : ["json", JSON.stringify(value)];
    return `(name = ${capnp(name)}, ${kind} = ${capnp(text!)})`;
  });
  return `
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "roomcast", worker = (
      compatibilityDate = ${date},
      modules = [${(await modules(main)).join(",\n        ")}],
      bindings = [(name = ${rooms}, durableObjectNamespace = ${room}), ${binding} ${bindings.join(", ")}],
      durableObjectNamespaces = [(className = ${room}, uniqueKey = "${UNIQUE_KEY}", enableSql = true)],
      durableObjectStorage = (localDisk = "storage"),
    )),
    (name = "control", worker = (
      compatibilityDate = ${date},
      compatibilityFlags = ["unsafe_module"],
      modules = [(name = "control.js", esModule = ${capnp(CONTROL)})],
      bindings = [(name = "ROOMS", durableObjectNamespace = (className = ${room}, serviceName = "roomcast")), (name = "WORKER", service = "roomcast")],
    )),
    ${services}
    (name = "storage", disk = (path = ${capnp(storage)}, writable = true)),
    # Allows the worker to fetch a key set from a server that the test starts.
    (name = "internet", network = (allow = ["private"])),
  ],
  sockets = [
    (name = "http", address = ${capnp(`${address}:0`)}, http = (), service = "roomcast"),
    (name = "control", address = ${capnp(`${address}:0`)}, http = (), service = "control"),
  ],
);
`;
}

/**
 * Lists the worker's modules for the configuration. The main module is first. The other modules
 * have the names by which they are imported.
 */
async function modules(main: string): Promise<string[]> {
  const directory = dirname(main);
  const files = await readdir(directory, { recursive: true });
  const others = files.map((file) => join(directory, file)).filter((file) => file !== main);
  return [main, ...others].flatMap((file) => {
    const kind = /\.m?js$/.test(file) ? "esModule" : /\.wasm$/.test(file) ? "wasm" : undefined;
    return kind
      ? [`(name = ${capnp(relative(directory, file))}, ${kind} = embed ${capnp(file)})`]
      : [];
  });
}

/** Quotes a text as a literal of the configuration. */
function capnp(text: string): string {
  return `"${text.replace(/[\\"]/g, "\\$&").replace(/\n/g, "\\n")}"`;
}
