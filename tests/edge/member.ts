/**
 * A client that enters a room and builds the member list from received frames. The client reports
 * an error at the first frame that does not fit the list.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { WebSocket } from "ws";
import { dial } from "./client.ts";
import { TEXT, UPGRADE, frame, request } from "./wire.ts";

interface Entry {
  user: string;
  session: string;
  data: unknown;
}

export class Member {
  /** All members, by session. */
  readonly list = new Map<string, Entry>();
  /** Code with which the socket was closed. */
  closed: number | undefined;
  #session: string | undefined;
  /** Whether another page of the list follows. */
  #more = false;
  /** Error of the first frame that did not fit the list. */
  #error: unknown;
  readonly #socket: WebSocket;

  private constructor(socket: WebSocket, tracks: boolean) {
    this.#socket = socket;
    socket.on("close", (code) => (this.closed = code));
    if (tracks) socket.on("message", (text) => this.#onFrame(JSON.parse(String(text))));
  }

  /**
   * Connects a client. Without `tracks`, the client ignores all frames, which saves CPU time in
   * tests with many clients.
   */
  static async open(url: string, token: string, { tracks = true } = {}): Promise<Member> {
    const socket = dial(`${url}/events`, { token });
    const member = new Member(socket, tracks);
    await once(socket, "open");
    return member;
  }

  send(frame: object | string): void {
    this.#socket.send(typeof frame === "string" ? frame : JSON.stringify(frame));
  }

  enter(data?: unknown): void {
    this.send({ type: "enter", data });
  }

  close(code?: number): void {
    this.#socket.close(code);
  }

  /** Closes the TCP connection without a Close frame, like a client that loses its network. */
  drop(): void {
    this.#socket.terminate();
  }

  /** Returns the users in the list, sorted and without duplicates. */
  users(): string[] {
    return [...new Set([...this.list.values()].map(({ user }) => user))].sort();
  }

  /** Returns the user and the data of each session, sorted. */
  shown(): string[] {
    return [...this.list.values()].map((e) => `${e.user} ${JSON.stringify(e.data)}`).sort();
  }

  async until(holds: (member: this) => boolean, timeoutMs = 30_000): Promise<void> {
    for (const end = Date.now() + timeoutMs; !holds(this); await sleep(5)) {
      if (this.#error) throw this.#error;
      if (Date.now() > end) throw new Error(`waited ${timeoutMs} ms: ${holds}, ${this.shown()}`);
    }
    if (this.#error) throw this.#error;
  }

  #onFrame(frame: Record<string, any>): void {
    try {
      if (frame.type === "welcome") this.#session = frame.session;
      if (frame.type === "members") this.#applyList(frame.members, frame.more === true);
      if (frame.type === "members:changed") this.#applyChange(frame);
    } catch (error) {
      this.#error ??= error;
    }
  }

  #applyList(members: { user: string; sessions: Omit<Entry, "user">[] }[], more: boolean): void {
    if (!this.#more) this.list.clear();
    this.#more = more;
    for (const { user, sessions } of members)
      for (const { session, data } of sessions) this.list.set(session, { user, session, data });
  }

  #applyChange({ entered, updated, left }: Record<string, Entry[]>): void {
    assert(!this.#more, "a change arrived between two pages of a list");
    for (const entry of entered ?? []) {
      assert.notEqual(entry.session, this.#session, "a member received its own entry");
      assert(!this.list.has(entry.session), `${entry.user} entered, but was a member already`);
      this.list.set(entry.session, entry);
    }
    for (const entry of updated ?? []) {
      assert(this.list.has(entry.session), `${entry.user} was updated, but was not a member`);
      this.list.set(entry.session, entry);
    }
    for (const { session, user } of left ?? [])
      assert(this.list.delete(session), `${user} left, but was not a member`);
  }
}

/**
 * Enters a room and then stalls, like a machine without power. The TCP connection stays open, but
 * the client neither reads nor answers. Returns a function that closes the connection.
 */
export async function enterAndStall(url: string, token: string): Promise<() => void> {
  const { hostname, port, pathname } = new URL(`${url}/events`);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => {});
  const headers = { ...UPGRADE, authorization: `Bearer ${token}` };
  socket.write(request(Number(port), { path: pathname, headers }));
  await once(socket, "data");
  socket.pause();
  socket.write(frame(TEXT, '{"type":"enter"}'));
  return () => socket.destroy();
}
