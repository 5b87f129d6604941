/** A client that enters a room, and makes a list of its members of what it hears: strictly. */
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
  /** By session, of everybody who is in. */
  readonly list = new Map<string, Entry>();
  /** The code that its socket was closed with. */
  closed: number | undefined;
  #session: string | undefined;
  /** Whether more of the list is to come. */
  #more = false;
  /** What it was told and could not have been. */
  #wrong: unknown;
  readonly #socket: WebSocket;

  private constructor(socket: WebSocket, folds: boolean) {
    this.#socket = socket;
    socket.on("close", (code) => (this.closed = code));
    if (folds) socket.on("message", (text) => this.#hears(JSON.parse(String(text))));
  }

  /** One of many may leave it to others to listen. */
  static async open(url: string, token: string, { folds = true } = {}): Promise<Member> {
    const socket = dial(`${url}/events`, { token });
    const member = new Member(socket, folds);
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

  /** Goes without a word, as a phone in a tunnel does. */
  drop(): void {
    this.#socket.terminate();
  }

  /** The users of its list, each once, in order. */
  users(): string[] {
    return [...new Set([...this.list.values()].map(({ user }) => user))].sort();
  }

  /** By user and session, what everybody shows. */
  shown(): string[] {
    return [...this.list.values()].map((e) => `${e.user} ${JSON.stringify(e.data)}`).sort();
  }

  async until(holds: (member: this) => boolean, patienceMs = 30_000): Promise<void> {
    for (const end = Date.now() + patienceMs; !holds(this); await sleep(5)) {
      if (this.#wrong) throw this.#wrong;
      if (Date.now() > end) throw new Error(`waited ${patienceMs} ms: ${holds}, ${this.shown()}`);
    }
    if (this.#wrong) throw this.#wrong;
  }

  #hears(frame: Record<string, any>): void {
    try {
      if (frame.type === "welcome") this.#session = frame.session;
      if (frame.type === "members") this.#listed(frame.members, frame.more === true);
      if (frame.type === "members:changed") this.#changed(frame);
    } catch (wrong) {
      this.#wrong ??= wrong;
    }
  }

  #listed(members: { user: string; sessions: Omit<Entry, "user">[] }[], more: boolean): void {
    if (!this.#more) this.list.clear();
    this.#more = more;
    for (const { user, sessions } of members)
      for (const { session, data } of sessions) this.list.set(session, { user, session, data });
  }

  #changed({ entered, updated, left }: Record<string, Entry[]>): void {
    assert(!this.#more, "a change came between the pages of a list");
    for (const entry of entered ?? []) {
      assert.notEqual(entry.session, this.#session, "it heard of its own entering");
      assert(!this.list.has(entry.session), `${entry.user} entered, and was in`);
      this.list.set(entry.session, entry);
    }
    for (const entry of updated ?? []) {
      assert(this.list.has(entry.session), `${entry.user} was updated, and was not in`);
      this.list.set(entry.session, entry);
    }
    for (const { session, user } of left ?? [])
      assert(this.list.delete(session), `${user} left, and was not in`);
  }
}

/**
 * Enters a room and stands still, as a machine that was unplugged does: its TCP connection stays
 * open, and nothing that is sent to it is ever read or answered. Answers how to end it after all.
 */
export async function standsStill(url: string, token: string): Promise<() => void> {
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
