/**
 * What was asked of a room under fire, what it acknowledged, and what it says it holds. The three
 * have to agree, whatever happened in between: the promises of docs/protocol.md, section 2.
 */
import assert from "node:assert/strict";
import type { Event } from "../tests/edge/client.ts";
import { Room } from "../tests/edge/room.ts";
import type { Runtime } from "../tests/edge/runtime.ts";
import { type Answer, erase, post } from "./http.ts";

const EVENTS_IN_A_PUBLISH = 1_000;

/** An event that is to be published. Without data, its key is to be removed. */
export interface Draft {
  id: string;
  name: string;
  data: unknown;
  key?: string;
}

/** What is known of one epoch. */
class Epoch {
  /** Read from the room, from the first on. */
  readonly log: Event[] = [];
  /** The seq that was acknowledged, by id. */
  readonly acknowledged = new Map<string, number>();
  /** An erase was acknowledged that it was there before. */
  ended = false;
}

export class Ledger {
  readonly room: Room;
  readonly #drafts = new Map<string, Draft>();
  readonly #unsettled = new Set<string>();
  readonly #epochs = new Map<string, Epoch>();
  #epoch: string | undefined;
  #erasesAsked = 0;
  /** Acknowledgements and refusals, and those that never came. */
  readonly counts = { acknowledged: 0, unsettled: 0, erased: 0, repeated: 0 };

  constructor(runtime: Runtime, name: string) {
    this.room = new Room(runtime, name);
  }

  draft(data: unknown, key?: string): Draft {
    const draft: Draft = { id: `e${this.#drafts.size}`, name: "n", data, ...(key ? { key } : {}) };
    this.#drafts.set(draft.id, draft);
    this.#unsettled.add(draft.id);
    return draft;
  }

  /** Publishes over HTTP. Answers what was answered, or `undefined` where nothing came. */
  async publish(drafts: Draft[]): Promise<Answer | undefined> {
    const answer = await post(this.room, drafts).catch(() => undefined);
    const { epoch, seqs } = answer ?? {};
    if (epoch === undefined || seqs === undefined) {
      this.counts.unsettled += 1;
      return answer;
    }
    assert.equal(seqs.length, drafts.length);
    drafts.forEach(({ id }, i) => this.acknowledge(id, epoch, seqs[i]));
    return answer;
  }

  acknowledge(id: string, epoch: string, seq: number | undefined): void {
    assert(seq !== undefined);
    this.#unsettled.delete(id);
    this.counts.acknowledged += 1;
    const { acknowledged } = this.#of(epoch);
    const before = acknowledged.get(id);
    assert(before === undefined || before === seq, `${id} is ${before}, and now ${seq}`);
    acknowledged.set(id, seq);
  }

  /** Where no answer comes, or one that it failed, it may have been erased or not. */
  async erase(): Promise<void> {
    this.#erasesAsked += 1;
    const before = [...this.#epochs.values()];
    const status = await erase(this.room).catch(() => undefined);
    if (status !== 204) return assert(status === undefined || status === 500, `erasing: ${status}`);
    for (const epoch of before) epoch.ended = true;
    this.counts.erased += 1;
  }

  /** An id of an event that is in the log. */
  idAt(fraction: number): Draft | undefined {
    const { log } = this.#of(this.#epoch);
    const event = log[Math.floor(fraction * log.length)];
    return event && this.#drafts.get(event.id ?? "");
  }

  /** The room's log has to be what it was, and what was acknowledged since; nothing else. */
  async check({ whole = false } = {}): Promise<void> {
    await this.#settle();
    await this.#readOn();
    const { log, acknowledged } = this.#of(this.#epoch);
    for (const [id, seq] of acknowledged)
      assert.equal(log[seq - 1]?.id, id, `event ${seq} was acknowledged`);
    const state = await this.room.state();
    assert.deepEqual(state.events, stateAfter(log, state.seq), "the state is that of its events");
    assert.equal(state.seq, log.length);
    if (whole) assert.deepEqual(await this.#readAfter(0), log, "the log from its start");
  }

  /** An id counts once: a repeat gets the same seq, and nothing is appended. */
  async repeat(draft: Draft): Promise<void> {
    const epoch = this.#of(this.#epoch);
    const answer = await post(this.room, [draft]);
    assert.deepEqual(
      [answer.status, answer.epoch, answer.seqs],
      [200, this.#epoch, [epoch.log.findIndex(({ id }) => id === draft.id) + 1]],
      `${draft.id} again`,
    );
    assert.equal((await this.room.figures()).head, epoch.log.length);
    this.counts.repeated += 1;
  }

  /** What somebody heard of one epoch has to be what is in the log. */
  agrees(epoch: string, first: number, heard: Event[]): void {
    const { log } = this.#of(epoch);
    // Of an epoch that is over nobody can say any more what was in it.
    if (epoch !== this.#epoch) return;
    assert.deepEqual(heard, log.slice(first - 1, first - 1 + heard.length), "what was heard");
  }

  /** A state frame has to be that of the log at its seq. */
  agreesOnState(epoch: string, seq: number, events: Event[]): void {
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

  /** What had no answer may be stored or not; sent again, it counts once. */
  async #settle(): Promise<void> {
    const drafts = [...this.#unsettled].map((id) => this.#drafts.get(id) as Draft);
    for (let from = 0; from < drafts.length; from += EVENTS_IN_A_PUBLISH) {
      const answer = await this.publish(drafts.slice(from, from + EVENTS_IN_A_PUBLISH));
      assert(
        answer?.seqs,
        `what had no answer, again: ${answer?.status} ${answer?.error?.message}`,
      );
    }
  }

  async #readOn(): Promise<void> {
    const { epoch: now } = await this.room.figures();
    if (now !== this.#epoch) {
      assert(this.#epoch === undefined || this.#erasesAsked > 0, "nobody asked for another epoch");
      this.#erasesAsked = 0;
      this.#epoch = now;
    }
    const epoch = this.#of(now);
    assert(!epoch.ended, `the epoch ${now} was erased`);
    const ids = new Set(epoch.log.map(({ id }) => id));
    for (const event of await this.#readAfter(epoch.log.length)) {
      const { id = "", name, data, key } = event;
      const sent = this.#drafts.get(id);
      assert.deepEqual({ id, name, data, ...(key ? { key } : {}) }, sent, "it was sent like this");
      assert(!ids.has(id), `${id} is in the log twice`);
      ids.add(id);
      epoch.log.push(event);
      assert.equal(event.seq, epoch.log.length, "a seq has no hole");
    }
  }

  /** Everything after a seq, page by page. */
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

/** The latest event of every key, in the order of their seqs. */
function stateAfter(log: Event[], seq: number): Event[] {
  const latest = new Map<string, Event>();
  for (const event of log.slice(0, seq)) {
    if (event.key === undefined) continue;
    latest.delete(event.key);
    if (event.data !== null) latest.set(event.key, event);
  }
  return [...latest.values()];
}
