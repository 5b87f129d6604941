/** A reader with flow control that says what it has seen, until it stands still. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { WebSocket } from "ws";
import { dial } from "../../tests/edge/client.ts";
import { tokenOf } from "../../tests/edge/room.ts";

export class AckingReader {
  seq = 0;
  heard = 0;
  gaps = 0;
  #isStill = false;
  readonly #socket: WebSocket;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (text) => this.#hear(String(text)));
  }

  static async open(url: string): Promise<AckingReader> {
    const token = tokenOf("seer", ["subscribe"]);
    const socket = dial(`${url}/events`, { token, query: "flow=1" });
    const reader = new AckingReader(socket);
    await once(socket, "open");
    return reader;
  }

  /** Its socket is read no more, and says nothing. */
  standStill(): void {
    this.#isStill = true;
    this.#socket.pause();
  }

  goOn(): void {
    this.#isStill = false;
    this.#socket.resume();
    this.#see();
  }

  end(): void {
    this.#socket.terminate();
  }

  /** Looks at no more of a frame than it must: there are many, and they are large. */
  #hear(text: string): void {
    if (text.startsWith('{"type":"gap"')) {
      this.gaps += 1;
      this.seq = JSON.parse(text).seq;
    }
    if (!text.startsWith('{"type":"events"')) return;
    assert.equal(Number(/"prev":(\d+)/.exec(text)?.[1]), this.seq, "no hole, and nothing twice");
    for (const [, seq] of text.matchAll(/\{"seq":(\d+)/g)) {
      this.seq += 1;
      assert.equal(Number(seq), this.seq);
      this.heard += 1;
    }
    if (!this.#isStill) this.#see();
  }

  #see(): void {
    this.#socket.send(JSON.stringify({ type: "seen", seq: this.seq }));
  }
}
