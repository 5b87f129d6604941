/**
 * Rooms that are left alone after one event: each has to be there for as long as it is retained,
 * and to be erased by its alarm soon after, however often the process died meanwhile.
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { Room, tokenOf } from "../tests/edge/room.ts";
import type { Runtime } from "../tests/edge/runtime.ts";
import { post } from "./http.ts";

/** What these rooms are set to retain. */
export const IDLE_MS = 1_000;
/** An alarm that failed is tried again after a while. */
const PATIENCE_MS = 20_000;

interface Idle {
  room: Room;
  epoch: string;
  /** It was published to after this, and not after `heardAt`. */
  askedAt: number;
  heardAt: number;
}

export class IdleRooms {
  erased = 0;
  readonly #runtime: Runtime;
  readonly #rooms: Idle[] = [];
  #left = 0;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  async leave(): Promise<void> {
    const room = new Room(this.#runtime, `idle:${this.#left++}`);
    const askedAt = Date.now();
    const answer = await post(room, [{ name: "n", data: 1 }]).catch(() => undefined);
    if (answer?.epoch === undefined) return;
    this.#rooms.push({ room, epoch: answer.epoch, askedAt, heardAt: Date.now() });
  }

  /** Until the next alarm that is still to come. */
  get dueMs(): number {
    const due = this.#rooms.map(({ heardAt }) => heardAt + IDLE_MS - Date.now());
    return Math.min(IDLE_MS, ...due.filter((ms) => ms > 0));
  }

  /** Of those whose time has passed by far, or of all. */
  async areErased({ all = false } = {}): Promise<void> {
    for (const idle of [...this.#rooms]) {
      if (Date.now() < idle.askedAt + IDLE_MS) await this.#isThere(idle);
      if (all || Date.now() > idle.heardAt + 5 * IDLE_MS) {
        await this.#isErased(idle);
        this.#rooms.splice(this.#rooms.indexOf(idle), 1);
      }
    }
  }

  async #isThere(idle: Idle): Promise<void> {
    const status = await this.#status(idle);
    // It may have taken so long that its time has passed.
    if (Date.now() < idle.askedAt + IDLE_MS) assert.equal(status, 200, "it is still retained");
  }

  async #isErased(idle: Idle): Promise<void> {
    const until = Date.now() + PATIENCE_MS;
    while ((await this.#status(idle)) !== 410) {
      assert(Date.now() < until, `${idle.room.name} was not erased`);
      await sleep(100);
    }
    this.erased += 1;
  }

  async #status({ room, epoch }: Idle): Promise<number> {
    const headers = { authorization: `Bearer ${tokenOf("looker", ["subscribe"])}` };
    const answer = await fetch(`${room.url}/events?since=${epoch}:0`, { headers });
    await answer.text();
    return answer.status;
  }
}
