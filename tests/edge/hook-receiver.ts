/**
 * A receiver of webhooks, which verifies each request with the library of Standard Webhooks, and
 * processes each notification once. It can fail in several ways.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { Webhook } from "standardwebhooks";
import { SECRET } from "./runtime.ts";
import { registerSecret } from "./secrets.ts";

/**
 * - `hang`: reads the request, and never answers.
 * - `drop`: processes the notifications, and closes the connection instead of answering.
 */
export type Mode = "ok" | "error" | "hang" | "drop" | "redirect";

export interface Notification {
  type: string;
  number?: number;
  at?: number;
  user?: string | null;
  session?: string;
  code?: number;
  events?: { seq: number }[];
}

export class HookReceiver {
  readonly secret = registerSecret(`whsec_${Buffer.alloc(32, "webhook").toString("base64")}`);
  mode: Mode = "ok";
  /** The processed notifications other than events. */
  readonly notifications: Notification[] = [];
  /** Seq of the last processed event. */
  seq = 0;
  /** Number of requests that arrived. */
  requests = 0;
  /** Number of notifications and events that arrived again. */
  repeats = 0;
  dropped = 0;
  readonly ids = new Set<string>();
  /** The bodies of the verified requests. */
  readonly bodies: unknown[] = [];
  #server = createServer((request, response) => void this.#receive(request, response));
  #port = 0;
  /** The first error of a check. */
  #error: unknown;

  /** Starts a receiver that is closed after the test. */
  static async of(t: TestContext): Promise<HookReceiver> {
    const receiver = await HookReceiver.start();
    t.after(() => receiver.close());
    return receiver;
  }

  static async start(): Promise<HookReceiver> {
    const receiver = new HookReceiver();
    await receiver.listen();
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/hook`;
  }

  /** Options for a runtime whose rooms notify this receiver, also of events. */
  get options() {
    return {
      vars: { JWT_SECRET: SECRET, WEBHOOK_SECRETS: this.secret },
      settings: { "*": { webhook_url: this.url, webhook_events: true } },
    };
  }

  async listen(): Promise<void> {
    this.#server = createServer((request, response) => void this.#receive(request, response));
    this.#server.listen(this.#port, "127.0.0.1");
    await once(this.#server, "listening");
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Refuses connections from now on. */
  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }

  /** Waits until a condition holds. Throws the first error of a check. */
  async until(what: string, holds: () => boolean, timeoutMs = 60_000): Promise<void> {
    for (const end = Date.now() + timeoutMs; ; await sleep(20)) {
      if (this.#error !== undefined) throw this.#error;
      if (holds()) return;
      assert(Date.now() < end, `${what} within ${timeoutMs} ms: ${JSON.stringify(this)}`);
    }
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const body = await text(request);
      this.requests += 1;
      const mode = this.mode;
      if (mode === "ok" || mode === "drop") this.#check(request.headers, body);
      if (mode === "drop") request.socket.destroy();
      else if (mode === "redirect") response.writeHead(307, { location: "/elsewhere" }).end();
      else if (mode !== "hang") response.writeHead(mode === "ok" ? 204 : 500).end("no");
    } catch {
      // The runtime was killed during the request, or a check failed.
      response.destroy();
    }
  }

  /** Processes a request, and keeps the first error. */
  #check(headers: IncomingMessage["headers"], body: string): void {
    try {
      this.#process(headers, body);
    } catch (error) {
      this.#error ??= error;
      throw error;
    }
  }

  #process(headers: IncomingMessage["headers"], body: string): void {
    new Webhook(this.secret).verify(body, headers as Record<string, string>);
    const { type, timestamp, data } = JSON.parse(body);
    this.bodies.push({ type, timestamp, data });
    assert.equal(type, "room.notifications");
    assert(Math.abs(Date.parse(timestamp) - Date.now()) < 60_000, timestamp);
    const id = headers["webhook-id"] as string;
    if (!this.ids.has(id)) this.dropped += data.dropped;
    this.ids.add(id);
    for (const notification of data.notifications as Notification[]) {
      if (notification.type === "events.published") {
        for (const { seq } of notification.events!) this.#processEvent(seq);
      } else this.#processNumbered(notification);
    }
  }

  #processEvent(seq: number): void {
    if (seq <= this.seq) return void (this.repeats += 1);
    assert.equal(seq, this.seq + 1, "the next event");
    this.seq = seq;
  }

  #processNumbered(notification: Notification): void {
    const next = this.notifications.length + 1;
    if (notification.number! < next) return void (this.repeats += 1);
    assert.equal(notification.number, next, "the next notification");
    this.notifications.push(notification);
  }
}
