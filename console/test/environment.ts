/** Runs the built worker with the console's files on workerd, and opens the console in Chromium. */
import { fileURLToPath } from "node:url";
import {
  chromium,
  type Browser,
  type BrowserContextOptions,
  type Locator,
  type Page,
} from "playwright-core";
import { createClient, type Client, type Room } from "roomcast";
import { createBackend, type Backend, type NewEvent } from "roomcast/server";
import { claims, seconds, sign, type Grant } from "../../tests/edge/jwt.ts";
import { Runtime, SECRET } from "../../tests/edge/runtime.ts";
import { browserPath } from "../../tools/browser.ts";

/** Options for `describe`, as in the tests of the demo. */
export const needsBrowser = { skip: process.env.SKIP_BROWSER === "1" && "SKIP_BROWSER=1" };

const DIST = fileURLToPath(new URL("../dist", import.meta.url));
/** Long enough for a busy machine. It does not slow down a test that passes. */
const TIMEOUT_MS = 60_000;
const CHROMIUM_ARGS = [
  "--disable-gpu",
  "--disable-quic",
  "--disable-component-update",
  "--disable-sync",
];
const ALL: readonly Grant[] = ["admin", "subscribe", "publish", "presence"];

/** Returns a token for all rooms. */
export const tokenFor = (user: string, can = ALL, lifeSeconds = 3600): string =>
  sign({ ...claims(user, can), exp: seconds(lifeSeconds) }, SECRET);

export interface OpenOptions extends BrowserContextOptions {
  /** Token of the sign-in. `undefined` stays at the form. */
  token?: string | undefined;
  /** Fragment of the URL. */
  hash?: string;
}

export class Environment {
  readonly url: string;
  readonly backend: Backend;
  readonly #runtime: Runtime;
  readonly #browser: Browser;
  readonly #clients: Client[] = [];

  private constructor(runtime: Runtime, browser: Browser) {
    this.url = runtime.url;
    this.#runtime = runtime;
    this.#browser = browser;
    this.backend = createBackend({
      url: this.url,
      token: tokenFor("backend"),
      timeoutMs: TIMEOUT_MS,
    });
  }

  static async start(): Promise<Environment> {
    const executablePath = await browserPath();
    const browser = await chromium.launch({
      executablePath,
      args: CHROMIUM_ARGS,
      timeout: TIMEOUT_MS,
    });
    return new Environment(await Runtime.start({ assets: DIST }), browser);
  }

  async stop(): Promise<void> {
    await this.#browser.close();
    for (const client of this.#clients) client.close();
    await this.#runtime.stop();
  }

  async closeWindows(): Promise<void> {
    await Promise.all(this.#browser.contexts().map((context) => context.close()));
  }

  async publish(room: string, ...events: NewEvent[]): Promise<void> {
    await this.backend.publishBatch(room, events);
  }

  /** Creates a client, which is closed in the end. */
  client(user: string, sockets: "shared" | "room" = "shared"): Client {
    const client = createClient({ url: this.url, token: () => tokenFor(user), sockets });
    this.#clients.push(client);
    return client;
  }

  /** Enters a room, and resolves when the server has the member. */
  async enter(user: string, name: string): Promise<Room> {
    const room = this.client(user).room(name);
    room.presence.enter({ user });
    await new Promise<void>((resolve) => {
      const check = (): void => {
        if (room.presence.members?.some((member) => member.user === user)) resolve();
      };
      room.presence.subscribe(check);
      check();
    });
    return room;
  }

  /** Opens the console in a window, and signs in. */
  async open({ token, hash = "", ...options }: OpenOptions = {}): Promise<ConsolePage> {
    const context = await this.#browser.newContext(options);
    context.setDefaultTimeout(TIMEOUT_MS);
    const window = new ConsolePage(await context.newPage());
    await window.page.goto(`${this.url}/console${hash}`);
    if (token !== undefined) await window.signIn(token);
    return window;
  }
}

/** The console in a browser window. */
export class ConsolePage {
  readonly page: Page;
  /** Exceptions and console errors of the page, also those of its policy. */
  readonly errors: string[] = [];

  constructor(page: Page) {
    this.page = page;
    page.on("pageerror", (error) => this.errors.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error") this.errors.push(message.text());
    });
  }

  async signIn(token: string): Promise<void> {
    await this.page.getByLabel("Admin token").fill(token);
    await this.page.getByRole("button", { name: "Sign in" }).click();
  }

  button(name: string): Locator {
    return this.page.getByRole("button", { name, exact: true });
  }

  /** Rows of the list of rooms. */
  get rows(): Locator {
    return this.page.getByRole("table", { name: "Rooms" }).locator("tbody tr");
  }

  row(room: string): Locator {
    return this.rows.filter({ has: this.page.getByRole("link", { name: room, exact: true }) });
  }

  /** Waits until the list has exactly these rooms, in this order. */
  async waitForRooms(...rooms: string[]): Promise<void> {
    await this.page.waitForFunction(
      (expected) =>
        JSON.stringify(
          [...document.querySelectorAll(".rooms tbody th")].map((cell) => cell.textContent),
        ) === expected,
      JSON.stringify(rooms),
    );
  }

  async openRoom(room: string): Promise<void> {
    await this.row(room).getByRole("link").click();
    await this.page.getByText("Live", { exact: true }).waitFor();
  }

  /** Rows of the events, the newest first. */
  get events(): Locator {
    return this.page.getByRole("region", { name: "Newest events" }).getByRole("listitem");
  }

  event(text: string): Locator {
    return this.events.filter({ hasText: text });
  }

  async waitForMessage(text: string): Promise<void> {
    await this.page.getByRole("status").filter({ hasText: text }).waitFor();
  }
}
