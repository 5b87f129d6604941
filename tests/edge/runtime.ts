/**
 * The built worker on workerd, with nothing in between: the process is ours to kill, its storage
 * is a directory that outlives it, and what a test reads on the wire is what the worker wrote.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { createInterface } from "node:readline";

/** The program itself: a script that starts it would die in its place. */
const workerd: string = createRequire(import.meta.url)("workerd").default;

/** Another build of the contract, with a `wrangler.toml` of its own, may be put to the same tests. */
const ROOT = process.env.ROOMCAST_ROOT ?? resolve(import.meta.dirname, "../..");

export const SECRET = "a secret of the tests, of more than 32 bytes";

export interface Options {
  /** The worker's variables and secrets. Without any, `JWT_SECRET` is `SECRET`. */
  vars?: Record<string, string> | undefined;
  /** `ROOM_SETTINGS`: what a room pattern sets other than the contract's limits. */
  settings?: Record<string, Record<string, number>> | undefined;
  /** The directory of another worker's `wrangler.toml`: the benchmark has some. */
  root?: string | undefined;
}

/**
 * For rooms that are put to sleep at any moment. None falls asleep within a window by itself: its
 * end is a timer, which keeps the object awake. One that is made to would lose what waits for it.
 */
export const NO_WINDOWS = { "*": { frame_window_ms: 0 } };

export class Runtime {
  readonly #directory: string;
  /** Chosen by the first start and asked for again by every restart. */
  readonly #ports = new Map<string, number>();
  #process: ChildProcess | undefined;
  /** A test run that dies must not leave a server behind. */
  readonly #lastResort = (): void => void this.#process?.kill("SIGKILL");

  private constructor(directory: string) {
    this.#directory = directory;
    process.once("exit", this.#lastResort);
  }

  static async start(options: Options = {}): Promise<Runtime> {
    const directory = await mkdtemp(join(tmpdir(), "roomcast-"));
    await mkdir(join(directory, "storage"));
    const runtime = new Runtime(directory);
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
    await writeFile(path, await configuration(root, this.#directory, all));
    await this.restart();
  }

  get url(): string {
    return `http://127.0.0.1:${this.#ports.get("http")}`;
  }

  async stop(): Promise<void> {
    await this.kill();
    process.off("exit", this.#lastResort);
    await rm(this.#directory, { recursive: true, force: true });
  }

  /** SIGKILL: no handler of the worker runs, no buffer is flushed. */
  async kill(): Promise<void> {
    const running = this.#process;
    this.#process = undefined;
    if (!running) return;
    const exited = once(running, "exit");
    if (running.kill("SIGKILL")) await exited;
  }

  /** Starts again on the same storage and the same ports. */
  async restart(): Promise<void> {
    const addresses = [...this.#ports].map(
      ([socket, port]) => `--socket-addr=${socket}=127.0.0.1:${port}`,
    );
    // `--import-path=/` lets the configuration embed files by absolute path.
    const args = ["serve", "--experimental", "--control-fd=3", "--import-path=/", ...addresses];
    const child = spawn(workerd, [...args, join(this.#directory, "config.capnp")], {
      stdio: ["ignore", "inherit", "inherit", "pipe"],
    });
    this.#process = child;
    const reports = createInterface({ input: child.stdio[3] as NodeJS.ReadableStream });
    const listening = new Set<string>();
    for await (const line of reports) {
      const report = JSON.parse(line);
      this.#ports.set(report.socket, report.port);
      if (listening.add(report.socket).size === 2) return;
    }
    throw new Error(`workerd ended with ${child.exitCode ?? child.signalCode} before it listened`);
  }

  /** The process that runs now. */
  get pid(): number {
    const { pid } = this.#process ?? {};
    if (pid === undefined) throw new Error("workerd does not run");
    return pid;
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
  async evict(room: string): Promise<boolean> {
    const answer = await fetch(
      `http://127.0.0.1:${this.#ports.get("control")}/${encodeURIComponent(room)}`,
    );
    const text = await answer.text();
    if (!answer.ok) throw new Error(`evicting ${room}: ${text}`);
    return text === "evicted";
  }
}

/** Runs beside the worker under test, in the same process: only there is `workerd:unsafe` at hand. */
const CONTROL = `
import unsafe from "workerd:unsafe";
export default {
  async fetch(request, { ROOMS }) {
    const room = decodeURIComponent(new URL(request.url).pathname.slice(1));
    try {
      await unsafe.evict(ROOMS.getByName(room), { webSockets: "hibernate" });
      return new Response("evicted");
    } catch (error) {
      if (error.message.includes("not currently running")) return new Response("asleep");
      return new Response(error.message, { status: 500 });
    }
  },
};`;

async function configuration(
  root: string,
  directory: string,
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
      bindings = [(name = "ROOMS", durableObjectNamespace = (className = ${room}, serviceName = "roomcast"))],
    )),
    (name = "storage", disk = (path = ${capnp(join(directory, "storage"))}, writable = true)),
    # A key set is fetched from a server of the test's own.
    (name = "internet", network = (allow = ["private"])),
  ],
  sockets = [
    (name = "http", address = "127.0.0.1:0", http = (), service = "roomcast"),
    (name = "control", address = "127.0.0.1:0", http = (), service = "control"),
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
