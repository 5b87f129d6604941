/**
 * Runs the whole demo for a test: the worker on workerd, the backend as a process, and browsers.
 * The browsers connect through a proxy, so that a test can break the network.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import {
  chromium,
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  type Page,
} from "playwright-core";
import { decodeJwt } from "jose";
import { createClient } from "roomcast";
import { createBackend, type Backend, type NewEvent, type Snapshot } from "roomcast/server";
import { Proxy } from "../../client/test/real/proxy.ts";
import { claims, seconds, sign, type Grant } from "../../tests/edge/jwt.ts";
import { Runtime, SECRET } from "../../tests/edge/runtime.ts";
import { browserPath } from "../../tools/browser.ts";
import { CHAT_ROOM } from "../shared/chat.ts";
import { userRoom, type Delay } from "../shared/notifications.ts";
import { SHIPMENTS_ROOM } from "../shared/shipments.ts";
import { seqOf } from "../src/board.ts";
import { BoardPage } from "./boardPage.ts";
import { InboxPage } from "./inboxPage.ts";
import type { PageObject } from "./pageObject.ts";

/**
 * Options for `describe`. `SKIP_BROWSER=1` skips the tests. Otherwise the tests fail if there is no
 * browser.
 */
export const needsBrowser = { skip: process.env.SKIP_BROWSER === "1" && "SKIP_BROWSER=1" };

const BACKEND = fileURLToPath(new URL("../backend/main.ts", import.meta.url));
const DIST = fileURLToPath(new URL("../dist", import.meta.url));
/**
 * Time limit for the browser's actions. The limit is long enough for a busy machine, and does not
 * slow down a test that passes.
 */
const TIMEOUT_MS = 120_000;
/** Disables Chromium's requests to other servers. */
const CHROMIUM_ARGS = [
  "--disable-gpu",
  "--disable-quic",
  "--disable-component-update",
  "--disable-sync",
];

export interface OpenOptions extends BrowserContextOptions {
  /** Replaces the backend's `GET /api/token`. Returns a token, or `null` for 401. */
  token?: () => string | null;
  /** Directory of the built pages. */
  dist?: string;
  /** URL of the pages and the worker. Default: the proxy `network`. */
  baseUrl?: URL;
  /** Opens the window in the browser of this page, with the same visitor, token and built pages. */
  sameBrowserAs?: PageObject;
  /** Called before the page loads. */
  prepare?: (page: Page) => Promise<void>;
}

export class DemoEnvironment {
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
    // Ends the backend's process even if the test run crashes.
    process.once("exit", () => this.#backend?.kill());
  }

  static async start(): Promise<DemoEnvironment> {
    const executablePath = await browserPath();
    const browser = await chromium.launch({
      executablePath,
      args: CHROMIUM_ARGS,
      timeout: TIMEOUT_MS,
    });
    const runtime = await Runtime.start();
    const network = new Proxy(() => new URL(runtime.url));
    const { origin } = await network.start();
    const demo = new DemoEnvironment(runtime, network, origin, browser, await freePort());
    await demo.startBackend();
    return demo;
  }

  async stop(): Promise<void> {
    await this.#browser.close();
    await this.stopBackend();
    await this.network.stop();
    await this.runtime.stop();
  }

  async closeWindows(): Promise<void> {
    await Promise.all(this.#browser.contexts().map((context) => context.close()));
  }

  /** Starts the backend, and resolves when it has published its first event. */
  async startBackend(): Promise<void> {
    const { seq } = await this.state();
    this.#backend = spawn(process.execPath, [BACKEND], {
      stdio: "inherit",
      env: {
        ...process.env,
        ROOMCAST_URL: this.runtime.url,
        PORT: String(this.#backendPort),
        JWT_SECRET: SECRET,
      },
    });
    await this.waitForEvent(seq + 1);
  }

  async stopBackend(): Promise<void> {
    const running = this.#backend;
    this.#backend = undefined;
    if (running?.kill()) await once(running, "exit");
  }

  /** Returns the state of the shipments room. */
  state(): Promise<Snapshot> {
    return this.#roomcast.state(SHIPMENTS_ROOM);
  }

  /** Resolves when the shipments room has this event. */
  async waitForEvent(seq: number): Promise<void> {
    const client = createClient({ url: this.runtime.url, token: () => tokenFor("test") });
    const room = client.room(SHIPMENTS_ROOM);
    await new Promise<void>((resolve) => {
      const check = (): void => {
        if (room.position !== undefined && seqOf(room.position) >= seq) resolve();
      };
      room.subscribe(check);
    });
    client.close();
  }

  /**
   * Resolves when the server has this many sessions in the shipments room. The server detects a
   * closed socket later than the page does.
   */
  async waitForSessionCount(count: number): Promise<void> {
    while ((await this.#sessionCount()) !== count) await sleep(20);
  }

  async #sessionCount(): Promise<number> {
    return (await this.#get(SHIPMENTS_ROOM)).sessions;
  }

  /** Returns the number of sessions of each member of the chat room. */
  async members(): Promise<Record<string, number>> {
    const { members } = await this.#get(`${CHAT_ROOM}/members`);
    return Object.fromEntries(members.map(({ user, sessions }: any) => [user, sessions.length]));
  }

  async #get(path: string): Promise<any> {
    const response = await fetch(`${this.runtime.url}/rooms/${path}`, {
      headers: { authorization: `Bearer ${tokenFor("test")}` },
    });
    return response.json();
  }

  /** Opens the board in a window. */
  async open(options?: OpenOptions): Promise<BoardPage> {
    return this.#open("/", BoardPage, options);
  }

  /** Opens the notifications page in a window. */
  async openInbox(options?: OpenOptions): Promise<InboxPage> {
    return this.#open("/bell.html", InboxPage, options);
  }

  /** Returns the id of the window's visitor. */
  async visitorOf({ page }: PageObject): Promise<string> {
    // Waits for the page's own request. An earlier request would have no cookie, and would create
    // another visitor.
    while ((await page.context().cookies()).length === 0) await sleep(20);
    const response = await page.request.get(`http://127.0.0.1:${this.#backendPort}/api/token`);
    return decodeJwt(await response.text()).sub!;
  }

  /** Publishes events as the backend does. */
  async publish(room: string, events: readonly NewEvent[]): Promise<void> {
    await this.#roomcast.publishBatch(room, events);
  }

  /** Publishes delays to a visitor as the backend does. */
  async notify(user: string, ...shipments: string[]): Promise<void> {
    const delayOf = (shipment: string): Delay => ({
      shipment,
      cargo: "Salmon",
      from: "Seattle",
      to: "Chicago",
      minutesLeft: 75,
    });
    await this.publish(
      userRoom(user),
      shipments.map((key) => ({ name: "delayed", key, data: delayOf(key) })),
    );
  }

  async #open<Window extends PageObject>(
    path: string,
    Constructor: new (page: Page) => Window,
    { sameBrowserAs, prepare, baseUrl = new URL(this.url), ...options }: OpenOptions = {},
  ): Promise<Window> {
    const context =
      sameBrowserAs?.page.context() ?? (await this.#newBrowserContext(baseUrl.origin, options));
    const window = new Constructor(await context.newPage());
    await prepare?.(window.page);
    await window.page.goto(baseUrl.origin + path);
    return window;
  }

  /** Creates a browser context with its own cookies. */
  async #newBrowserContext(
    origin: string,
    { token, dist = DIST, ...options }: Omit<OpenOptions, "baseUrl">,
  ): Promise<BrowserContext> {
    // Playwright serves the page, so Chromium does not treat the page as local. Without this
    // permission, Chromium would block the page's requests to this machine.
    const permissions = ["local-network-access"];
    const context = await this.#browser.newContext({ ...options, permissions });
    context.setDefaultTimeout(TIMEOUT_MS);
    await context.route(`${origin}/**`, (route, request) => {
      const { pathname } = new URL(request.url());
      const path = `${dist}${pathname === "/" ? "/index.html" : pathname}`;
      return existsSync(path) ? route.fulfill({ path }) : route.continue();
    });
    await context.route("**/api/**", (route, request) => {
      const { pathname, search } = new URL(request.url());
      return route.continue({ url: `http://127.0.0.1:${this.#backendPort}${pathname}${search}` });
    });
    if (token) {
      await context.route("**/api/token", (route) => {
        const headers = {
          "access-control-allow-origin": origin,
          "access-control-allow-credentials": "true",
        };
        const answer = token();
        return route.fulfill({ status: answer ? 200 : 401, headers, body: answer ?? "" });
      });
    }
    return context;
  }
}

const ALL: readonly Grant[] = ["subscribe", "publish", "presence"];

export const tokenFor = (user: string, lifeSeconds = 3600, can = ALL): string =>
  sign({ ...claims(user, can), exp: seconds(lifeSeconds) }, SECRET);

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Options for two visitors with different names. */
export const ada: OpenOptions = { token: () => tokenFor("ada-moreno-0001") };
export const bruno: OpenOptions = { token: () => tokenFor("bruno-berg-0002") };

/**
 * Resolves when Ada and Bruno can receive each other's signals. A signal that is sent earlier may be
 * lost. Waits for both windows, because one window alone may list a user whose earlier window
 * has just closed.
 */
export async function waitForEachOther(adas: BoardPage, brunos: BoardPage): Promise<void> {
  await adas.waitForUsers("Ada Moreno", "Bruno Berg");
  await brunos.waitForUsers("Bruno Berg", "Ada Moreno");
}
