/** A reader with flow control that acknowledges events with `seen`, except while it is paused. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { WebSocket } from "ws";
import { dial } from "../../tests/edge/client.ts";
import { tokenOf } from "../../tests/edge/room.ts";

export class AckingReader {
  seq = 0;
  received = 0;
  gaps = 0;
  #isPaused = false;
  readonly #socket: WebSocket;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (text) => this.#onFrame(String(text)));
  }

  static async open(url: string): Promise<AckingReader> {
    const token = tokenOf("reader", ["subscribe"]);
    const socket = dial(`${url}/events`, { token, query: "flow=1" });
    const reader = new AckingReader(socket);
    await once(socket, "open");
    return reader;
  }

  /** Stops reading from the socket, and stops sending `seen`. */
  pause(): void {
    this.#isPaused = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#socket.resume();
    this.#sendSeen();
  }

  end(): void {
    this.#socket.terminate();
  }

  /**
   * Handles a frame. Searches the frame's text instead of parsing it, because there are many large
   * frames.
   */
  #onFrame(text: string): void {
    if (text.startsWith('{"type":"gap"')) {
      this.gaps += 1;
      this.seq = JSON.parse(text).seq;
    }
    if (!text.startsWith('{"type":"events"')) return;
    assert.equal(Number(/"prev":(\d+)/.exec(text)?.[1]), this.seq, "no gap and no repeat");
    for (const [, seq] of text.matchAll(/\{"seq":(\d+)/g)) {
      this.seq += 1;
      assert.equal(Number(seq), this.seq);
      this.received += 1;
    }
    if (!this.#isPaused) this.#sendSeen();
  }

  #sendSeen(): void {
    this.#socket.send(JSON.stringify({ type: "seen", seq: this.seq }));
  }
}
