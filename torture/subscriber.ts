/**
 * A subscriber that reconnects after every disconnect. The subscriber applies frames as section 5
 * of docs/protocol.md requires, and resumes from its position. After an erase, it starts at the
 * position of the `gap`. The subscriber also publishes.
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { type Event, type Frame, Socket } from "../tests/edge/client.ts";
import { tokenOf } from "../tests/edge/room.ts";
import type { Draft, Ledger } from "./ledger.ts";

interface Position {
  epoch: string;
  seq: number;
}

export class Subscriber {
  connects = 0;
  readonly #ledger: Ledger;
  readonly #over: "room" | "connection";
  readonly #token = tokenOf("writer", ["subscribe", "publish"]);
  #socket: Socket | undefined;
  #position: Position | undefined;
  /** Events and state frames since the last `check`. */
  #events: Event[] = [];
  #states: Frame[] = [];
  readonly #unacknowledged = new Map<string, Draft>();
  #ended = false;
  #error: unknown;

  /** Starts after `position`, or at the head if there is no `position`. */
  constructor(ledger: Ledger, over: "room" | "connection", position?: Position) {
    this.#ledger = ledger;
    this.#over = over;
    this.#position = position;
    void this.#run();
  }

  /** Publishes over the socket. Returns `false` if there is no open subscription. */
  publish(draft: Draft): boolean {
    if (!this.#socket || !this.#position) return false;
    const { id } = draft;
    this.#unacknowledged.set(id, draft);
    this.#socket.send({ type: "publish", room: this.#ledger.room.name, ref: id, ...draft });
    return true;
  }

  /**
   * Waits until the subscriber has reached the ledger's position. Asserts that each event arrived
   * once and in order.
   */
  async check(): Promise<void> {
    const until = Date.now() + 30_000;
    const at = (): string => `${this.#position?.epoch}:${this.#position?.seq}`;
    while (!this.#error && at() !== this.#ledger.position) {
      assert(Date.now() < until, `the subscriber is at ${at()}`);
      await sleep(2);
    }
    if (this.#error) throw this.#error;
    const [events, states] = [this.#events.splice(0), this.#states.splice(0)];
    const epoch = this.#position?.epoch ?? "";
    this.#ledger.checkReceived(epoch, events[0]?.seq ?? 1, events);
    for (const state of states) this.#ledger.checkState(state.epoch, state.seq, state.events);
  }

  end(): void {
    this.#ended = true;
    this.#socket?.drop();
  }

  async #run(): Promise<void> {
    while (!this.#ended && !this.#error) {
      const socket = await this.#open().catch(() => undefined);
      // The server is down. Only another attempt shows whether it is up again.
      if (!socket) await sleep(5);
      else await this.#receive(socket);
    }
  }

  async #open(): Promise<Socket> {
    const { url, name, runtime } = this.#ledger.room;
    const since = this.#position && `${this.#position.epoch}:${this.#position.seq}`;
    const token = this.#token;
    if (this.#over === "room") {
      return Socket.open(`${url}/events`, { token, query: since && `since=${since}` });
    }
    const socket = await Socket.open(`${runtime.url}/events`, { token });
    socket.send({ type: "subscribe", room: name, ...(since && { since }) });
    return socket;
  }

  async #receive(socket: Socket): Promise<void> {
    this.connects += 1;
    try {
      for (;;) {
        const frame = await socket.next(2 ** 31 - 1);
        if (frame.type === "closed") return socket.drop();
        try {
          this.#apply(frame, socket);
        } catch (error) {
          this.#error = error;
          return;
        }
      }
    } catch {
      // The socket was closed. `#run` opens another socket.
    } finally {
      this.#socket = undefined;
      this.#unacknowledged.clear();
    }
  }

  #apply(frame: Frame, socket: Socket): void {
    switch (frame.type) {
      case "connected":
        return;
      case "welcome":
        this.#position ??= { epoch: frame.epoch, seq: frame.seq };
        this.#socket = socket;
        return;
      case "gap":
        assert.notEqual(frame.epoch, this.#position?.epoch, "no event of this epoch was lost");
        this.#position = { epoch: frame.epoch, seq: frame.seq };
        this.#events = [];
        return;
      case "state":
        this.#states.push(frame);
        return;
      case "events":
        return this.#applyEvents(frame, socket);
      case "ack":
        return this.#applyAck(frame);
      case "error":
        assert.equal(frame.code, "internal", frame.message);
        return;
      default:
        assert.fail(`an unexpected ${frame.type}`);
    }
  }

  #applyEvents({ epoch, prev, events }: Frame, socket: Socket): void {
    const position = this.#position;
    assert(position);
    assert.deepEqual([epoch, prev], [position.epoch, position.seq], "no gap and no repeat");
    for (const event of events as Event[]) {
      position.seq += 1;
      assert.equal(event.seq, position.seq);
    }
    this.#events.push(...events);
    // Without a `seen`, the worker stops sending on a connection when the connection's window is
    // full.
    socket.send({ type: "seen", room: this.#ledger.room.name, seq: position.seq });
  }

  #applyAck({ ref, seq }: Frame): void {
    const draft = this.#unacknowledged.get(ref);
    assert(draft, "an ack for an event that this subscriber did not publish");
    this.#unacknowledged.delete(ref);
    this.#ledger.acknowledge(draft.id, this.#position?.epoch ?? "", seq);
  }
}
