/** One socket in a room, which does as it is told and says when the room has taken it. */
import { once } from "node:events";
import { WebSocket } from "ws";
import { dial } from "../../tests/edge/client.ts";
import { type Attendance, type Entry, PING_TIMEOUT_MS } from "./attendance.ts";

export class Visitor {
  readonly user: string;
  readonly #attendance: Attendance;
  readonly #socket: WebSocket;
  #entry: Entry | undefined;
  readonly #taken = new Map<string, () => void>();
  readonly #closed = Promise.withResolvers<void>();
  static #drawn = 0;

  private constructor(user: string, attendance: Attendance, socket: WebSocket) {
    this.user = user;
    this.#attendance = attendance;
    this.#socket = socket;
    socket.on("close", () => {
      for (const settle of this.#taken.values()) settle();
      this.#closed.resolve();
    });
    // It may hear of thousands of others, and listens only for its own.
    socket.on("message", (bytes: Buffer) => {
      if (bytes.length > 400 || !bytes.includes('"ref"')) return;
      const { ref } = JSON.parse(String(bytes)) as { ref: string };
      this.#taken.get(ref)?.();
    });
  }

  static async open(
    url: string,
    user: string,
    token: string,
    attendance: Attendance,
  ): Promise<Visitor> {
    const socket = dial(`${url}/events`, { token });
    const visitor = new Visitor(user, attendance, socket);
    await once(socket, "open");
    return visitor;
  }

  /** With other data than ever before: so it is known in any list. */
  async enter(): Promise<void> {
    const [before, entry] = [this.#entry, { user: this.user, data: Visitor.#drawn++ }];
    this.#entry = entry;
    this.#attendance.enters(entry);
    if (before) this.#attendance.goes(before);
    this.#send({ type: "enter", data: entry.data });
    if (await this.#isTaken()) this.#attendance.entered(entry);
  }

  async leave(): Promise<void> {
    this.#goes();
    this.#send({ type: "leave" });
    await this.#isTaken();
  }

  async close(): Promise<void> {
    this.#goes();
    this.#socket.close(1000);
    await this.#closed.promise;
  }

  /** Goes without a word: it may be back in time, and the runtime may never tell of it. */
  drop(): void {
    this.#goes(PING_TIMEOUT_MS);
    this.#socket.terminate();
  }

  ping(): void {
    this.#send('{"type":"ping"}');
  }

  #goes(withinMs = 0): void {
    if (this.#entry) this.#attendance.goes(this.#entry, withinMs);
    this.#entry = undefined;
  }

  /** A publish that it may not make is answered behind what it sent before. */
  async #isTaken(): Promise<boolean> {
    const ref = `r${Visitor.#drawn++}`;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#taken.set(ref, resolve);
    this.#send({ type: "publish", name: "n", data: 1, ref });
    await promise;
    this.#taken.delete(ref);
    return this.#socket.readyState === WebSocket.OPEN;
  }

  #send(frame: object | string): void {
    this.#socket.send(typeof frame === "string" ? frame : JSON.stringify(frame), () => {});
  }
}
