/**
 * Runs a customer's app for a test: the worker on workerd, and a server with the app's pages and
 * its endpoints for authorization and sign-in, which use the SDK of Pusher.
 */
import { build } from "esbuild";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import Sdk from "pusher";
import type { Options } from "pusher-js";
import { Room } from "../edge/room.ts";
import { registerSecret } from "../edge/secrets.ts";
import { Runtime, SECRET } from "../edge/runtime.ts";

export const KEY = "app-key";
const APP_SECRET = registerSecret("app-secret-of-the-tests-of-more-than-32-bytes");
const MASTER_KEY = registerSecret(Buffer.alloc(32, 7).toString("base64"));

export class App {
  readonly runtime: Runtime;
  readonly sdk: Sdk;
  readonly #server: Server;

  private constructor(runtime: Runtime) {
    this.runtime = runtime;
    this.sdk = new Sdk({
      appId: "1",
      key: KEY,
      secret: APP_SECRET,
      host: this.host,
      port: String(this.port),
      useTLS: false,
      encryptionMasterKeyBase64: MASTER_KEY,
    });
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((error: Error) =>
        response.writeHead(500).end(error.stack),
      );
    });
  }

  static async start(fields: object = { client_events: true }): Promise<App> {
    const apps = [{ id: "1", key: KEY, secret: APP_SECRET, ...fields }];
    const vars = { JWT_SECRET: SECRET, PUSHER_APPS: JSON.stringify(apps) };
    const app = new App(await Runtime.start({ vars }));
    await once(app.#server.listen(0, "127.0.0.1"), "listening");
    return app;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await this.runtime.stop();
  }

  get host(): string {
    return new URL(this.runtime.url).hostname;
  }

  get port(): number {
    return Number(new URL(this.runtime.url).port);
  }

  /** URL in the form of the SDKs' setting `PUSHER_URL`. */
  get pusherUrl(): string {
    return `http://${KEY}:${APP_SECRET}@${this.host}:${this.port}/apps/1`;
  }

  /** URL of the app's pages. */
  get siteUrl(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Returns options of pusher-js for a page of this user. */
  options(user: string): Options {
    const endpoint = (path: string) => ({
      endpoint: this.siteUrl + path,
      transport: "ajax" as const,
      params: { user },
    });
    return {
      wsHost: this.host,
      wsPort: this.port,
      forceTLS: false,
      enabledTransports: ["ws", "wss"],
      disableStats: true,
      cluster: "",
      channelAuthorization: endpoint("/pusher/auth"),
      userAuthentication: endpoint("/pusher/user-auth"),
    };
  }

  /** Returns the answer of a `GET` to the HTTP API. */
  async get(path: string, params: Record<string, string> = {}): Promise<any> {
    return (await this.sdk.get({ path, params })).json();
  }

  /** Resolves when the channel has this many subscriptions. */
  async waitForSubscriptions(channel: string, wanted: number): Promise<void> {
    const path = `/channels/${channel}`;
    const count = async (): Promise<number> =>
      (await this.get(path, { info: "subscription_count" })).subscription_count;
    while ((await count()) !== wanted) await sleep(50);
  }

  /** Resolves when this many sockets are signed in as the user. */
  async waitForSignedIn(user: string, wanted: number): Promise<void> {
    const room = new Room(this.runtime, `server-to-user:${user}`);
    while ((await room.stats()).sessions !== wanted) await sleep(50);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url!, this.siteUrl);
    const answer = (type: string, body: string) =>
      response.writeHead(200, { "content-type": type }).end(body);
    if (pathname.endsWith(".html")) {
      const script = pathname.replace(".html", ".js");
      return void answer("text/html", `<!doctype html><body><script src="${script}"></script>`);
    }
    if (pathname.endsWith(".js")) return void answer("text/javascript", await bundle(pathname));
    if (!pathname.startsWith("/pusher/")) return void response.writeHead(404).end();
    const form = Object.fromEntries(new URLSearchParams(await text(request)));
    const body = this.#authorize(pathname, form);
    if (!body) return void response.writeHead(403).end("{}");
    answer("application/json", JSON.stringify(body));
  }

  /**
   * Signs what a user may do, as the backend of an app does. It refuses a channel `…forbidden…`. For
   * a channel `…forged…`, it signs the id of another socket.
   */
  #authorize(path: string, { user = "", socket_id = "", channel_name = "" }): object | undefined {
    const info = { name: `the ${user}` };
    if (path === "/pusher/user-auth")
      return this.sdk.authenticateUser(socket_id, { id: user, info });
    if (channel_name.includes("forbidden")) return undefined;
    const member = { user_id: user, user_info: info };
    const isPresence = channel_name.startsWith("presence-");
    return this.sdk.authorizeChannel(
      channel_name.includes("forged") ? "1.1" : socket_id,
      channel_name,
      isPresence ? member : undefined,
    );
  }
}

const bundles = new Map<string, Promise<string>>();

/** Returns the bundle of a page's script. */
function bundle(path: string): Promise<string> {
  const bundled = bundles.get(path) ?? compile(path.replace(/^\/(\w+)\.js$/, "$1"));
  bundles.set(path, bundled);
  return bundled;
}

async function compile(name: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: `import "./${name}";`, resolveDir: join(import.meta.dirname, "page") },
    bundle: true,
    write: false,
    format: "iife",
    platform: "browser",
    jsx: "automatic",
    define: { "process.env.NODE_ENV": '"development"', "import.meta.env": "{}" },
  });
  return outputFiles[0]!.text;
}
