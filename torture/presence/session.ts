/** A socket in a room. Records in `ExpectedMembers` when its member enters and leaves. */
import { once } from "node:events";
import { WebSocket } from "ws";
import { dial } from "../../tests/edge/client.ts";
import { type Entry, type ExpectedMembers, PING_TIMEOUT_MS } from "./expected-members.ts";

export class Session {
  readonly user: string;
  readonly #expected: ExpectedMembers;
  readonly #socket: WebSocket;
  #entry: Entry | undefined;
  readonly #pending = new Map<string, () => void>();
  readonly #closed = Promise.withResolvers<void>();
  static #nextNumber = 0;

  private constructor(user: string, expected: ExpectedMembers, socket: WebSocket) {
    this.user = user;
    this.#expected = expected;
    this.#socket = socket;
    socket.on("close", () => {
      for (const settle of this.#pending.values()) settle();
      this.#closed.resolve();
    });
    // The socket may receive thousands of presence frames. Only short frames with a `ref` are
    // parsed.
    socket.on("message", (bytes: Buffer) => {
      if (bytes.length > 400 || !bytes.includes('"ref"')) return;
      const { ref } = JSON.parse(String(bytes)) as { ref: string };
      this.#pending.get(ref)?.();
    });
  }

  static async open(
    url: string,
    user: string,
    token: string,
    expected: ExpectedMembers,
  ): Promise<Session> {
    const socket = dial(`${url}/events`, { token });
    const session = new Session(user, expected, socket);
    await once(socket, "open");
    return session;
  }

  /** Enters with unique data, which identifies the entry in a list. */
  async enter(): Promise<void> {
    const [before, entry] = [this.#entry, { user: this.user, data: Session.#nextNumber++ }];
    this.#entry = entry;
    this.#expected.entering(entry);
    if (before) this.#expected.leaving(before);
    this.#send({ type: "enter", data: entry.data });
    if (await this.#isProcessed()) this.#expected.entered(entry);
  }

  async leave(): Promise<void> {
    this.#leaving();
    this.#send({ type: "leave" });
    await this.#isProcessed();
  }

  async close(): Promise<void> {
    this.#leaving();
    this.#socket.close(1000);
    await this.#closed.promise;
  }

  /**
   * Resets the connection. The runtime may never report the reset, and the user may reconnect
   * before the room removes the member.
   */
  drop(): void {
    this.#leaving(PING_TIMEOUT_MS);
    this.#socket.terminate();
  }

  ping(): void {
    this.#send('{"type":"ping"}');
  }

  #leaving(withinMs = 0): void {
    if (this.#entry) this.#expected.leaving(this.#entry, withinMs);
    this.#entry = undefined;
  }

  /**
   * Sends a publish that is not allowed. The error shows that the room has processed all earlier
   * frames. Returns whether the socket is still open.
   */
  async #isProcessed(): Promise<boolean> {
    const ref = `r${Session.#nextNumber++}`;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#pending.set(ref, resolve);
    this.#send({ type: "publish", name: "n", data: 1, ref });
    await promise;
    this.#pending.delete(ref);
    return this.#socket.readyState === WebSocket.OPEN;
  }

  #send(frame: object | string): void {
    this.#socket.send(typeof frame === "string" ? frame : JSON.stringify(frame), () => {});
  }
}
