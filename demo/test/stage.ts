/**
 * The whole demo for a test: the worker on workerd, the backend's process, and browsers that reach
 * the two through a network which the test can break.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { chromium, type Browser, type BrowserContextOptions, type Page } from "playwright-core";
import { createClient } from "roomcast";
import { createBackend, type Backend, type Snapshot } from "roomcast/server";
import { Proxy } from "../../client/test/real/proxy.ts";
import { claims, seconds, sign } from "../../tests/edge/jwt.ts";
import { Runtime, SECRET } from "../../tests/edge/runtime.ts";
import { browserPath } from "../../tools/browser.ts";
import { ROOM } from "../shared/shipments.ts";
import { seqOf } from "../src/board.ts";
import { Board } from "./board.ts";

/** For `describe`: without a browser its tests fail, each by its name, unless that is meant. */
export const needsBrowser = { skip: process.env.SKIP_BROWSER === "1" && "SKIP_BROWSER=1" };

const BACKEND = fileURLToPath(new URL("../backend/main.ts", import.meta.url));
const BUILT = fileURLToPath(new URL("../dist", import.meta.url));
/** Chromium calls nobody but the stage. */
const FLAGS = ["--disable-gpu", "--disable-quic", "--disable-component-update", "--disable-sync"];

export interface Visit extends BrowserContextOptions {
  /** Answers `GET /api/token` in the backend's place: with a token, or `null` for 401. */
  token?: () => string | null;
  /** Where the built page is. */
  dist?: string;
  /** By what address the page and the server are reached, if not past the network. */
  by?: URL;
  /** Called before the page is loaded. */
  prepare?: (page: Page) => Promise<void>;
}

export class Stage {
  readonly runtime: Runtime;
  readonly network: Proxy;
  readonly url: string;
  readonly #browser: Browser;
  readonly #backendPort: number;
  readonly #roomcast: Backend;
  #backend: ChildProcess | undefined;

  private constructor(
    runtime: Runtime,
    network: Proxy,
    url: string,
    browser: Browser,
    backendPort: number,
  ) {
    this.runtime = runtime;
    this.network = network;
    this.url = url;
    this.#browser = browser;
    this.#backendPort = backendPort;
    this.#roomcast = createBackend({ url: runtime.url, token: tokenFor("test") });
    // A test run that dies must not leave the fleet flying.
    process.once("exit", () => this.#backend?.kill());
  }

  static async set(): Promise<Stage> {
    const browser = await chromium.launch({ executablePath: await browserPath(), args: FLAGS });
    const runtime = await Runtime.start();
    const network = new Proxy(() => new URL(runtime.url));
    const { origin } = await network.start();
    const stage = new Stage(runtime, network, origin, browser, await freePort());
    await stage.startBackend();
    return stage;
  }

  async strike(): Promise<void> {
    await this.#browser.close();
    await this.stopBackend();
    await this.network.stop();
    await this.runtime.stop();
  }

  async closeWindows(): Promise<void> {
    await Promise.all(this.#browser.contexts().map((context) => context.close()));
  }

  /** Resolves when its shipments are on the board. */
  async startBackend(): Promise<void> {
    const before = (await this.state()).seq;
    this.#backend = spawn(process.execPath, [BACKEND], {
      stdio: "inherit",
      env: {
        ...process.env,
        ROOMCAST_URL: this.runtime.url,
        PORT: String(this.#backendPort),
        JWT_SECRET: SECRET,
      },
    });
    await this.comesTo(before + 1);
  }

  async stopBackend(): Promise<void> {
    const running = this.#backend;
    this.#backend = undefined;
    if (running?.kill()) await once(running, "exit");
  }

  /** What the room holds. */
  state(): Promise<Snapshot> {
    return this.#roomcast.state(ROOM);
  }

  /** Follows the room until it has come to that event. */
  async comesTo(seq: number): Promise<void> {
    const client = createClient({ url: this.runtime.url, token: () => tokenFor("test") });
    const room = client.room(ROOM);
    await new Promise<void>((resolve) => {
      const check = (): void => {
        if (room.position !== undefined && seqOf(room.position) >= seq) resolve();
      };
      room.subscribe(check);
    });
    client.close();
  }

  /** Resolves when the server counts so many sockets in the room. It hears of a close after the page. */
  async sessionsAre(count: number): Promise<void> {
    while ((await this.#sessions()) !== count) await setTimeout(20);
  }

  async #sessions(): Promise<number> {
    const response = await fetch(`${this.runtime.url}/rooms/${ROOM}`, {
      headers: { authorization: `Bearer ${tokenFor("test")}` },
    });
    return (await response.json()).sessions;
  }

  /** Opens the board in a window of its own. */
  async open({ token, dist = BUILT, by, prepare, ...options }: Visit = {}): Promise<Board> {
    const url = by?.origin ?? this.url;
    // The page is handed to the browser, and doesn't come from this machine for all that it knows.
    const permissions = ["local-network-access"];
    const context = await this.#browser.newContext({ ...options, permissions });
    await context.route(`${url}/**`, (route, request) => {
      const { pathname } = new URL(request.url());
      const path = `${dist}${pathname === "/" ? "/index.html" : pathname}`;
      return existsSync(path) ? route.fulfill({ path }) : route.continue();
    });
    await context.route("**/api/token", (route) => {
      if (!token) return route.continue({ url: `http://127.0.0.1:${this.#backendPort}/api/token` });
      const headers = {
        "access-control-allow-origin": url,
        "access-control-allow-credentials": "true",
      };
      const answer = token();
      return route.fulfill({ status: answer ? 200 : 401, headers, body: answer ?? "" });
    });
    const board = new Board(await context.newPage());
    await prepare?.(board.page);
    await board.page.goto(url);
    return board;
  }
}

export const tokenFor = (user: string, lifeSeconds = 3600): string =>
  sign({ ...claims(user, ["subscribe"]), exp: seconds(lifeSeconds) }, SECRET);

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
