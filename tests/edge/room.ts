/** A client of a room's HTTP API, with a token that grants every right. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Claims, type Grant, claims, sign } from "./jwt.ts";
import { type Options, Runtime, SECRET } from "./runtime.ts";

export interface RoomStats {
  epoch: string;
  head: number;
  /** Seq of the oldest retained event; `head` + 1 if there is none. */
  oldest: number;
  /** Bytes of the retained events and of the state. */
  bytes: number;
  sessions: number;
  /** Time when the current object in memory was created. */
  awake_since: number;
  /** Number of rows written since `awake_since`. */
  rows_written: number;
}

export class Room {
  readonly runtime: Runtime;
  readonly name: string;
  readonly url: string;
  readonly #token = sign(claims("backend", ["subscribe", "publish", "presence", "admin"]), SECRET);

  constructor(runtime: Runtime, name: string) {
    this.runtime = runtime;
    this.name = name;
    this.url = `${runtime.url}/rooms/${name}`;
  }

  /** Starts a runtime that is stopped after the test. Returns a room on this runtime. */
  static async of(t: TestContext, options?: Options): Promise<Room> {
    const runtime = await Runtime.start(options);
    t.after(() => runtime.stop());
    return new Room(runtime, "r");
  }

  /** Publishes an event or a batch, and returns the seqs. */
  async publish(event: object | string): Promise<number[]> {
    const body = typeof event === "string" ? event : JSON.stringify(event);
    return (await this.#request("POST", "/events", body)).seqs;
  }

  async signal(name: string, data: unknown): Promise<void> {
    await this.#request("POST", "/signals", JSON.stringify({ name, data }));
  }

  stats(): Promise<RoomStats> {
    return this.#request("GET", "");
  }

  page(query: string): Promise<any> {
    return this.#request("GET", `/events?${query}`);
  }

  state(): Promise<any> {
    return this.#request("GET", "/state");
  }

  kick(user: string): Promise<void> {
    return this.#request("DELETE", `/members?user=${user}`);
  }

  erase(): Promise<void> {
    return this.#request("DELETE", "");
  }

  /** Returns the users that have entered, sorted. */
  async members(): Promise<string[]> {
    const { members } = await this.#request("GET", "/members");
    return members.map(({ user }: { user: string }) => user).sort();
  }

  async position(): Promise<string> {
    const { epoch, head } = await this.stats();
    return `${epoch}:${head}`;
  }

  /** Waits until the room has exactly `sessions` sessions. */
  async waitForSessions(sessions: number, timeoutMs = 30_000): Promise<void> {
    const until = Date.now() + timeoutMs;
    for (;;) {
      const { sessions: counted } = await this.stats();
      if (counted === sessions) return;
      assert(Date.now() < until, `${counted} sessions, not ${sessions}`);
      await sleep(50);
    }
  }

  /** Waits until exactly these users have entered. */
  async waitForMembers(...users: string[]): Promise<void> {
    const until = Date.now() + 30_000;
    for (;;) {
      const listed = await this.members();
      if (listed.join() === users.join()) return;
      assert(Date.now() < until, `${listed} have entered, not ${users}`);
      await sleep(50);
    }
  }

  async #request(method: string, path: string, body?: string): Promise<any> {
    const headers = { authorization: `Bearer ${this.#token}` };
    const init = body === undefined ? { method, headers } : { method, headers, body };
    const answer = await fetch(this.url + path, init);
    const text = await answer.text();
    assert(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  }
}

export function tokenOf(user: string, can: Grant[], more: Claims = {}): string {
  return sign({ ...claims(user, can), ...more }, SECRET);
}
