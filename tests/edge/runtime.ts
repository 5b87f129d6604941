/**
 * The built worker on workerd, with nothing in between: the process is ours to kill, its storage
 * is a directory that outlives it, and what a test reads on the wire is what the worker wrote.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { isSecret, tellsNoSecret } from "./secrets.ts";

/** The program itself: a script that starts it would die in its place. */
const workerd: string = createRequire(import.meta.url)("workerd").default;

/** Another build of the contract, with a `wrangler.toml` of its own, may be put to the same tests. */
const ROOT = process.env.ROOMCAST_ROOT ?? resolve(import.meta.dirname, "../..");

/** What a worker says that has trapped, or that will never answer. */
const BROKEN = /RuntimeError|Reinitializing Wasm|code had hung/;

export const SECRET = isSecret("a secret of the tests, of more than 32 bytes");

export interface Options {
  /** The worker's variables and secrets. Without any, `JWT_SECRET` is `SECRET`. */
  vars?: Record<string, string> | undefined;
  /** `ROOM_SETTINGS`: what a room pattern sets other than the contract's limits. */
  settings?: Record<string, Record<string, number | boolean>> | undefined;
  /** The directory of another worker's `wrangler.toml`: the benchmark has some. */
  root?: string | undefined;
}

/**
 * For rooms that are put to sleep at any moment. None falls asleep within a window by itself: its
 * end is a timer, which keeps the object awake. One that is made to would lose what waits for it.
 */
export const NO_WINDOWS = { "*": { frame_window_ms: 0 } };

/**
 * Of some sockets that are reset as soon as they are open the runtime never tells. Who was behind
 * them is found out by silence: two ping periods and 15 s, and what a busy machine adds.
 */
export const GONE_WITHIN_MS = 65_000 + 25_000;

/** How many sockets one request opens. */
const CROWD = 1_000;

/** Where it runs, if not on this machine's loopback with a directory of its own. */
export interface Place {
  /** The directory that it stores in. */
  storage?: string | undefined;
  /** A network namespace, and the address that it listens on there. */
  host?: { namespace: string; address: string } | undefined;
  /** The open file that its log goes to. */
  log?: number | undefined;
}

export class Runtime {
  readonly #directory: string;
  readonly #place: Place;
  /** Chosen by the first start and asked for again by every restart. */
  readonly #ports = new Map<string, number>();
  /** What is held on to, or the crowd would go. */
  readonly #crowds: unknown[] = [];
  #process: ChildProcess | undefined;
  /** All that it has written, over all its lives. */
  #output = "";
  /** A test run that dies must not leave a server behind. */
  readonly #lastResort = (): void => void this.#process?.kill("SIGKILL");

  private constructor(directory: string, place: Place) {
    this.#directory = directory;
    this.#place = place;
    process.once("exit", this.#lastResort);
  }

  static async start(options: Options & Place = {}): Promise<Runtime> {
    const directory = await mkdtemp(join(tmpdir(), "roomcast-"));
    await mkdir(join(directory, "storage"));
    const runtime = new Runtime(directory, options);
    await runtime.deploy(options);
    return runtime;
  }

  /** Starts with these variables and settings on what is stored. */
  async deploy({
    vars = { JWT_SECRET: SECRET },
    settings,
    root = ROOT,
  }: Options = {}): Promise<void> {
    await this.kill();
    const all = settings ? { ...vars, ROOM_SETTINGS: JSON.stringify(settings) } : vars;
    const path = join(this.#directory, "config.capnp");
    await writeFile(path, await configuration(root, this.#storage, this.#address, all));
    await this.restart();
  }

  get url(): string {
    return `http://${this.#address}:${this.#ports.get("http")}`;
  }

  /** The process that runs now. */
  get pid(): number {
    const { pid } = this.#process ?? {};
    if (pid === undefined) throw new Error("workerd does not run");
    return pid;
  }

  get #address(): string {
    return this.#place.host?.address ?? "127.0.0.1";
  }

  get #storage(): string {
    return this.#place.storage ?? join(this.#directory, "storage");
  }

  /** Whatever the test was about: nothing broke, and what an operator reads holds no secret. */
  async stop(): Promise<void> {
    await this.kill();
    process.off("exit", this.#lastResort);
    await rm(this.#directory, { recursive: true, force: true });
    tellsNoSecret(this.#output);
    assert.doesNotMatch(this.#output, BROKEN);
  }

  /** SIGKILL: no handler of the worker runs, no buffer is flushed. */
  async kill(): Promise<void> {
    const running = this.#process;
    this.#process = undefined;
    if (!running) return;
    const closed = once(running, "close");
    if (running.kill("SIGKILL")) await closed;
  }

  /** Starts again on the same storage and the same ports. */
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
    throw new Error(`workerd ended with ${child.exitCode ?? child.signalCode} before it listened`);
  }

  /** Waits until it has written this to its log so many times. */
  async logs(text: string, times: number, patience: number): Promise<void> {
    const count = (): number => this.#output.split(text).length - 1;
    for (const end = Date.now() + patience; count() < times; await sleep(50))
      assert(Date.now() < end, `it logs ${text} ${count()} times, not ${times}`);
  }

  /** What each room has stored, as a SQLite file: nobody else's while the process is killed. */
  async databases(): Promise<string[]> {
    const files = await readdir(this.#storage, { recursive: true });
    const named = files.filter((file) => /[0-9a-f]{64}\.sqlite$/.test(file));
    return named.map((file) => join(this.#storage, file));
  }

  /** The memory that the process has, in MB. */
  async residentMb(): Promise<number> {
    const ps = spawn("ps", ["-o", "rss=", "-p", String(this.pid)]);
    let kib = "";
    for await (const text of ps.stdout) kib += text;
    return (Number(kib) * 1024) / 1e6;
  }

  /**
   * Takes the room's object out of memory as the runtime does after 10 idle seconds: its sockets
   * stay open, and what it kept only in its fields is gone. Answers whether it was in memory, and
   * never wakes a room that was not: so it also tells what a request has woken.
   */
  evict(room: string): Promise<boolean> {
    return this.#evict(room, "hibernate");
  }

  /** As `evict`, at any moment: what is still under way in a room may keep it in memory. */
  async evictIfIdle(room: string): Promise<boolean> {
    try {
      return await this.evict(room);
    } catch (error) {
      if (String(error).includes("it still has active references")) return false;
      throw error;
    }
  }

  /** Takes the room's object away with its sockets, as the runtime does when it moves one. */
  async lose(room: string): Promise<void> {
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
   * Opens that many sockets to a room from within the process, where they take none of its file
   * handles. They come through the worker under test as any others, and stay as long as it runs.
   */
  async crowd(room: string, token: string, sockets: number): Promise<void> {
    // One answer for all of them would be long in coming, and the connection idle all the while.
    for (let left = sockets; left > 0; left -= CROWD)
      await this.#crowd(room, token, Math.min(left, CROWD));
  }

  async #crowd(room: string, token: string, sockets: number): Promise<void> {
    const answer = await fetch(`${this.#control(room)}?sockets=${sockets}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    const reader = answer.body?.getReader();
    this.#crowds.push(reader);
    const first = await reader?.read();
    const text = new TextDecoder().decode(first?.value);
    if (text !== "opened") throw new Error(`a crowd of ${sockets}: ${answer.status} ${text}`);
  }
}

/** Runs beside the worker under test, in the same process: only there is `workerd:unsafe` at hand. */
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
      if (error.message.includes("not currently running")) return new Response("asleep");
      return new Response(error.message, { status: 500 });
    }
  },
};`;

async function configuration(
  root: string,
  storage: string,
  address: string,
  vars: Record<string, string>,
): Promise<string> {
  // What is deployed is what is tested: the names come from the file that a deploy reads.
  const wrangler = await readFile(join(root, "wrangler.toml"), "utf8");
  const setting = (pattern: RegExp): string => {
    const value = wrangler.match(pattern)?.[1];
    if (value === undefined) throw new Error(`wrangler.toml has nothing like ${pattern}`);
    return value;
  };
  const main = join(root, setting(/^main\s*=\s*"([^"]*)"/m));
  const date = capnp(setting(/^compatibility_date\s*=\s*"([^"]*)"/m));
  const room = capnp(setting(/\bclass_name\s*=\s*"([^"]*)"/));
  const rooms = capnp(setting(/\bname\s*=\s*"([^"]*)"\s*,?\s*class_name\b/));
  const bindings = Object.entries(vars).map(
    ([name, text]) => `(name = ${capnp(name)}, text = ${capnp(text)})`,
  );
  return `
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "roomcast", worker = (
      compatibilityDate = ${date},
      modules = [${(await modules(main)).join(",\n        ")}],
      bindings = [(name = ${rooms}, durableObjectNamespace = ${room}), ${bindings.join(", ")}],
      durableObjectNamespaces = [(className = ${room}, uniqueKey = "rooms", enableSql = true)],
      durableObjectStorage = (localDisk = "storage"),
    )),
    (name = "control", worker = (
      compatibilityDate = ${date},
      compatibilityFlags = ["unsafe_module"],
      modules = [(name = "control.js", esModule = ${capnp(CONTROL)})],
      bindings = [(name = "ROOMS", durableObjectNamespace = (className = ${room}, serviceName = "roomcast")), (name = "WORKER", service = "roomcast")],
    )),
    (name = "storage", disk = (path = ${capnp(storage)}, writable = true)),
    # A key set is fetched from a server of the test's own.
    (name = "internet", network = (allow = ["private"])),
  ],
  sockets = [
    (name = "http", address = ${capnp(`${address}:0`)}, http = (), service = "roomcast"),
    (name = "control", address = ${capnp(`${address}:0`)}, http = (), service = "control"),
  ],
);
`;
}

/** The main module comes first; the others are named as it imports them. */
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

/** A text literal of the configuration's language. */
function capnp(text: string): string {
  return `"${text.replace(/[\\"]/g, "\\$&").replace(/\n/g, "\\n")}"`;
}
