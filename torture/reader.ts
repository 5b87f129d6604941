/**
 * A subscriber that comes back whatever happens: it applies frames by section 5 of the contract,
 * goes on where it stood, and begins afresh where the room was erased. It also publishes.
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { type Event, type Frame, Socket } from "../tests/edge/client.ts";
import { tokenOf } from "../tests/edge/room.ts";
import type { Draft, Ledger } from "./ledger.ts";

interface Place {
  epoch: string;
  seq: number;
}

export class Reader {
  connects = 0;
  readonly #ledger: Ledger;
  readonly #over: "room" | "connection";
  readonly #token = tokenOf("writer", ["subscribe", "publish"]);
  #socket: Socket | undefined;
  #place: Place | undefined;
  /** Since the ledger last looked at it. */
  #heard: Event[] = [];
  #states: Frame[] = [];
  readonly #unacknowledged = new Map<string, Draft>();
  #ended = false;
  #wrong: unknown;

  /** Begins behind a place, or at the head. */
  constructor(ledger: Ledger, over: "room" | "connection", place?: Place) {
    this.#ledger = ledger;
    this.#over = over;
    this.#place = place;
    void this.#follow();
  }

  /** `false` where there is no socket to publish over. */
  publish(draft: Draft): boolean {
    if (!this.#socket || !this.#place) return false;
    const { id } = draft;
    this.#unacknowledged.set(id, draft);
    this.#socket.send({ type: "publish", room: this.#ledger.room.name, ref: id, ...draft });
    return true;
  }

  /** It has come as far as the ledger, and has heard what is in it: once, and in order. */
  async agrees(): Promise<void> {
    const until = Date.now() + 30_000;
    while (!this.#wrong && `${this.#place?.epoch}:${this.#place?.seq}` !== this.#ledger.position) {
      assert(Date.now() < until, `it is at ${this.#place?.epoch}:${this.#place?.seq}`);
      await sleep(2);
    }
    if (this.#wrong) throw this.#wrong;
    const [heard, states] = [this.#heard.splice(0), this.#states.splice(0)];
    const epoch = this.#place?.epoch ?? "";
    this.#ledger.agrees(epoch, heard[0]?.seq ?? 1, heard);
    for (const state of states) this.#ledger.agreesOnState(state.epoch, state.seq, state.events);
  }

  end(): void {
    this.#ended = true;
    this.#socket?.drop();
  }

  async #follow(): Promise<void> {
    while (!this.#ended && !this.#wrong) {
      const socket = await this.#open().catch(() => undefined);
      // The server is down; nothing tells a client when it is back.
      if (!socket) await sleep(5);
      else await this.#hear(socket);
    }
  }

  async #open(): Promise<Socket> {
    const { url, name, runtime } = this.#ledger.room;
    const since = this.#place && `${this.#place.epoch}:${this.#place.seq}`;
    const token = this.#token;
    if (this.#over === "room") {
      return Socket.open(`${url}/events`, { token, query: since && `since=${since}` });
    }
    const socket = await Socket.open(`${runtime.url}/events`, { token });
    socket.send({ type: "subscribe", room: name, ...(since && { since }) });
    return socket;
  }

  async #hear(socket: Socket): Promise<void> {
    this.connects += 1;
    try {
      for (;;) {
        const frame = await socket.next(2 ** 31 - 1);
        if (frame.type === "closed") return socket.drop();
        try {
          this.#apply(frame, socket);
        } catch (wrong) {
          this.#wrong = wrong;
          return;
        }
      }
    } catch {
      // It was closed: it comes back.
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
        this.#place ??= { epoch: frame.epoch, seq: frame.seq };
        this.#socket = socket;
        return;
      case "gap":
        assert.notEqual(frame.epoch, this.#place?.epoch, "nothing was lost in this epoch");
        this.#place = { epoch: frame.epoch, seq: frame.seq };
        this.#heard = [];
        return;
      case "state":
        this.#states.push(frame);
        return;
      case "events":
        return this.#applyEvents(frame, socket);
      case "ack":
        return this.#acknowledged(frame);
      case "error":
        assert.equal(frame.code, "internal", frame.message);
        return;
      default:
        assert.fail(`a ${frame.type} that nobody asked for`);
    }
  }

  #applyEvents({ epoch, prev, events }: Frame, socket: Socket): void {
    const place = this.#place;
    assert(place);
    assert.deepEqual([epoch, prev], [place.epoch, place.seq], "no hole, and nothing twice");
    for (const event of events as Event[]) {
      place.seq += 1;
      assert.equal(event.seq, place.seq);
    }
    this.#heard.push(...events);
    // Or a connection would stop at the end of its window.
    socket.send({ type: "seen", room: this.#ledger.room.name, seq: place.seq });
  }

  #acknowledged({ ref, seq }: Frame): void {
    const draft = this.#unacknowledged.get(ref);
    assert(draft, "an ack of what it did not publish");
    this.#unacknowledged.delete(ref);
    this.#ledger.acknowledge(draft.id, this.#place?.epoch ?? "", seq);
  }
}
