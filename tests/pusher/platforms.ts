/** The platforms on which a test runs pusher-js. */
import { afterEach, describe } from "node:test";
import { chromium, type Browser, type Page } from "playwright-core";
import Pusher from "pusher-js";
import type { Options } from "pusher-js";
import { browserPath } from "../../tools/browser.ts";
import { type App, KEY } from "./app.ts";
import { Recorder } from "./page/recorder.ts";

/**
 * Options for `describe`. `SKIP_BROWSER=1` skips the tests. Otherwise the tests fail if there is no
 * browser.
 */
export const needsBrowser = { skip: process.env.SKIP_BROWSER === "1" && "SKIP_BROWSER=1" };

/** A recorder in another process, or in this one. */
export type Remote = {
  [Name in keyof Recorder]: (
    ...args: Parameters<Recorder[Name]>
  ) => Promise<Awaited<ReturnType<Recorder[Name]>>>;
};

export interface Platform {
  /** Starts a client of the app, in a process or a browser. */
  open(app: App, user: string, options?: Partial<Options>): Promise<Remote>;
  /** Ends the clients. */
  closeClients(): Promise<void>;
}

/** Runs pusher-js in this process. */
export class InNode implements Platform {
  readonly #recorders: Recorder[] = [];

  async open(app: App, user: string, options: Partial<Options> = {}): Promise<Remote> {
    const recorder = new Recorder(Pusher, KEY, { ...app.options(user), ...options });
    this.#recorders.push(recorder);
    return remote((method, args) => (recorder as any)[method](...args));
  }

  async closeClients(): Promise<void> {
    for (const recorder of this.#recorders.splice(0)) recorder.disconnect();
  }
}

/** Runs pusher-js in Chromium. Each client has a tab of its own. */
export class InChromium implements Platform {
  #browser: Promise<Browser> | undefined;
  readonly #tabs = new Map<Remote, Page>();
  /** Tabs of earlier tests. Opening a tab takes longer than a test. */
  #idle: Page[] = [];

  async open(app: App, user: string, options: Partial<Options> = {}): Promise<Remote> {
    const url = `${app.siteUrl}/pusher.html`;
    const tab = this.#idle.pop() ?? (await this.newTab());
    if (tab.url() !== url) await tab.goto(url);
    const client = remote((method, args) =>
      tab.evaluate(([method, args]) => (globalThis as any).recorder[method](...args), [
        method,
        args,
      ] as const),
    );
    this.#tabs.set(client, tab);
    await startIn(tab, { ...app.options(user), ...options });
    return client;
  }

  async newTab(): Promise<Page> {
    this.#browser ??= browserPath().then((executablePath) =>
      chromium.launch({ executablePath, args: ["--disable-gpu"] }),
    );
    return (await this.#browser).newPage();
  }

  /** Loads the tab of a client again, with a new client. */
  async reload(client: Remote, app: App, user: string): Promise<void> {
    const tab = this.#tabs.get(client)!;
    await tab.reload();
    await startIn(tab, app.options(user));
  }

  async closeTab(client: Remote): Promise<void> {
    await this.#tabs.get(client)!.close();
  }

  async closeClients(): Promise<void> {
    for (const [client, tab] of this.#tabs) {
      if (tab.isClosed()) continue;
      await client.disconnect();
      this.#idle.push(tab);
    }
    this.#tabs.clear();
  }

  async stop(): Promise<void> {
    await (await this.#browser)?.close();
  }
}

/** Adds the tests for each platform. Closes the clients after each test. */
export function describePlatforms(
  chromium: InChromium,
  testsOn: (platform: Platform) => void,
): void {
  for (const [name, platform, options] of [
    ["Node", new InNode(), {}],
    ["Chromium", chromium, needsBrowser],
  ] as const)
    describe(`pusher-js in ${name}`, options, () => {
      afterEach(() => platform.closeClients());
      testsOn(platform);
    });
}

async function startIn(tab: Page, options: Options): Promise<void> {
  await tab.evaluate(([key, all]) => (globalThis as any).start(key, all), [KEY, options] as const);
}

/** Returns a recorder whose methods are called elsewhere. */
function remote(call: (method: string, args: unknown[]) => unknown): Remote {
  const get = (_: object, method: string) =>
    // An awaited value must have no method `then`.
    method === "then" ? undefined : async (...args: unknown[]) => call(method, args);
  return new Proxy({}, { get: get as any }) as Remote;
}
