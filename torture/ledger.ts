/**
 * Compares three views of a room: the events that were published, the acknowledgements, and the log
 * that the room returns. The three views must agree after any fault (docs/protocol.md, section 2).
 */
import assert from "node:assert/strict";
import type { Event } from "../tests/edge/client.ts";
import { Room } from "../tests/edge/room.ts";
import type { Runtime } from "../tests/edge/runtime.ts";
import { type Answer, erase, post } from "./http.ts";

const MAX_BATCH = 1_000;

/** An event to publish. The data `null` removes the key. */
export interface Draft {
  id: string;
  name: string;
  data: unknown;
  key?: string;
}

class Epoch {
  /** All events that were read from the room so far. */
  readonly log: Event[] = [];
  /** Maps the id of each acknowledged event to the event's seq. */
  readonly acknowledged = new Map<string, number>();
  /** Whether an erase that was requested after the start of this epoch has been acknowledged. */
  ended = false;
}

export class Ledger {
  readonly room: Room;
  readonly #drafts = new Map<string, Draft>();
  readonly #unacknowledged = new Set<string>();
  readonly #epochs = new Map<string, Epoch>();
  #epoch: string | undefined;
  #erasesRequested = 0;
  /** `unacknowledged` counts publishes that got an error or no response. */
  readonly counts = { acknowledged: 0, unacknowledged: 0, erased: 0, repeated: 0 };

  constructor(runtime: Runtime, name: string) {
    this.room = new Room(runtime, name);
  }

  draft(data: unknown, key?: string): Draft {
    const draft: Draft = { id: `e${this.#drafts.size}`, name: "n", data, ...(key ? { key } : {}) };
    this.#drafts.set(draft.id, draft);
    this.#unacknowledged.add(draft.id);
    return draft;
  }

  /** Publishes over HTTP. Returns the response, or `undefined` if no response arrived. */
  async publish(drafts: Draft[]): Promise<Answer | undefined> {
    const answer = await post(this.room, drafts).catch(() => undefined);
    const { epoch, seqs } = answer ?? {};
    if (epoch === undefined || seqs === undefined) {
      this.counts.unacknowledged += 1;
      return answer;
    }
    assert.equal(seqs.length, drafts.length);
    drafts.forEach(({ id }, i) => this.acknowledge(id, epoch, seqs[i]));
    return answer;
  }

  acknowledge(id: string, epoch: string, seq: number | undefined): void {
    assert(seq !== undefined);
    this.#unacknowledged.delete(id);
    this.counts.acknowledged += 1;
    const { acknowledged } = this.#of(epoch);
    const before = acknowledged.get(id);
    assert(before === undefined || before === seq, `${id} had the seq ${before}, now ${seq}`);
    acknowledged.set(id, seq);
  }

  /** Erases the room. Without a response, or after a 500, the room may or may not be erased. */
  async erase(): Promise<void> {
    this.#erasesRequested += 1;
    const before = [...this.#epochs.values()];
    const status = await erase(this.room).catch(() => undefined);
    if (status !== 204) return assert(status === undefined || status === 500, `erasing: ${status}`);
    for (const epoch of before) epoch.ended = true;
    this.counts.erased += 1;
  }

  /**
   * Returns the draft of the event at this fraction of the log's length: 0 is the first event, and
   * almost 1 is the last event.
   */
  draftAt(fraction: number): Draft | undefined {
    const { log } = this.#of(this.#epoch);
    const event = log[Math.floor(fraction * log.length)];
    return event && this.#drafts.get(event.id ?? "");
  }

  /**
   * Asserts that the log has all events that were read before, and all acknowledged events. Also
   * asserts that every event in the log was sent.
   */
  async check({ whole = false } = {}): Promise<void> {
    await this.#publishAgain();
    await this.#readNewEvents();
    const { log, acknowledged } = this.#of(this.#epoch);
    for (const [id, seq] of acknowledged)
      assert.equal(log[seq - 1]?.id, id, `event ${seq} was acknowledged, so the log must have it`);
    const state = await this.room.state();
    assert.deepEqual(state.events, stateAfter(log, state.seq), "the state matches the log");
    assert.equal(state.seq, log.length);
    if (whole) assert.deepEqual(await this.#readAfter(0), log, "the log from its start");
  }

  /**
   * Publishes a stored event again. The response must have the same seq, and the log must not grow.
   */
  async repeat(draft: Draft): Promise<void> {
    const epoch = this.#of(this.#epoch);
    const answer = await post(this.room, [draft]);
    assert.deepEqual(
      [answer.status, answer.epoch, answer.seqs],
      [200, this.#epoch, [epoch.log.findIndex(({ id }) => id === draft.id) + 1]],
      `${draft.id} again`,
    );
    assert.equal((await this.room.stats()).head, epoch.log.length);
    this.counts.repeated += 1;
  }

  /** Asserts that a subscriber received the events of the log, starting at the seq `first`. */
  checkReceived(epoch: string, first: number, received: Event[]): void {
    const { log } = this.#of(epoch);
    // The log of an ended epoch can't be compared, because some of its events may never have been
    // read.
    if (epoch !== this.#epoch) return;
    const expected = log.slice(first - 1, first - 1 + received.length);
    assert.deepEqual(received, expected, "received events");
  }

  /** Asserts that a state frame has the state of the log at its seq. */
  checkState(epoch: string, seq: number, events: Event[]): void {
    if (epoch !== this.#epoch) return;
    assert.deepEqual(events, stateAfter(this.#of(epoch).log, seq), `the state at ${seq}`);
  }

  get position(): string {
    return `${this.#epoch}:${this.head}`;
  }

  get head(): number {
    return this.#of(this.#epoch).log.length;
  }

  #of(name = ""): Epoch {
    const epoch = this.#epochs.get(name) ?? new Epoch();
    this.#epochs.set(name, epoch);
    return epoch;
  }

  /**
   * Publishes unacknowledged events again. Some of these events may be stored already. The room
   * must not store an event twice.
   */
  async #publishAgain(): Promise<void> {
    const drafts = [...this.#unacknowledged].map((id) => this.#drafts.get(id) as Draft);
    for (let from = 0; from < drafts.length; from += MAX_BATCH) {
      const answer = await this.publish(drafts.slice(from, from + MAX_BATCH));
      assert(
        answer?.seqs,
        `publishing unacknowledged events again: ${answer?.status} ${answer?.error?.message}`,
      );
    }
  }

  async #readNewEvents(): Promise<void> {
    const { epoch: now } = await this.room.stats();
    if (now !== this.#epoch) {
      assert(
        this.#epoch === undefined || this.#erasesRequested > 0,
        "a new epoch must follow an erase",
      );
      this.#erasesRequested = 0;
      this.#epoch = now;
    }
    const epoch = this.#of(now);
    assert(!epoch.ended, `the epoch ${now} was erased`);
    const ids = new Set(epoch.log.map(({ id }) => id));
    for (const event of await this.#readAfter(epoch.log.length)) {
      const { id = "", name, data, key } = event;
      const sent = this.#drafts.get(id);
      assert.deepEqual(
        { id, name, data, ...(key ? { key } : {}) },
        sent,
        "the event as it was sent",
      );
      assert(!ids.has(id), `${id} is in the log twice`);
      ids.add(id);
      epoch.log.push(event);
      assert.equal(event.seq, epoch.log.length, "seqs have no gaps");
    }
  }

  /** Reads all events after a seq, in pages. */
  async #readAfter(seq: number): Promise<Event[]> {
    const events: Event[] = [];
    for (;;) {
      const page = await this.room.page(`since=${this.#epoch}:${seq}&limit=1000`);
      assert.equal(page.prev, seq);
      events.push(...page.events);
      if (page.events.length === 0) return events;
      seq = page.events.at(-1).seq;
    }
  }
}

/** Returns the latest event of every key, in the order of their seqs. */
function stateAfter(log: Event[], seq: number): Event[] {
  const latest = new Map<string, Event>();
  for (const event of log.slice(0, seq)) {
    if (event.key === undefined) continue;
    latest.delete(event.key);
    if (event.data !== null) latest.set(event.key, event);
  }
  return [...latest.values()];
}
